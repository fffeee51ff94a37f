"""Readers of what other processes left: journals of device settings, and leases."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
from fuzz.contract import Reader, check_refusal, variables
from fuzz.mutations import Tree, damaged, decided, json_files

from greenbench.machine.control.journal import boot_id
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.restore import left_behind, recover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTING = "governor"


def journal(folder: str = "SYSFS") -> Tree:
    """Return a journal of one setting, a file in ``folder``."""
    return {
        "version": 1,
        "boot": boot_id(),
        "pid": 2**22 + 1,
        "uid": os.getuid(),
        "command": "pytest bench",
        "read_back": True,
        "entries": [
            {
                "control": {"kind": "file", "path": f"{folder}/{SETTING}"},
                "before": "powersave",
                "after": "performance",
            }
        ],
    }


@contextlib.contextmanager
def open_journals(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Restore what a journal lists, in a simulated sysfs."""
    sysfs, state = folder / "sysfs", folder / "state"
    own = state / f"user-{os.getuid()}"
    own.mkdir(parents=True)
    sysfs.mkdir()
    place = own / "1-a.journal"

    def read(raw: bytes) -> None:
        (sysfs / SETTING).write_text("performance")
        place.write_bytes(raw.replace(b"SYSFS", str(sysfs).encode()))
        messages: list[str] = []
        with variables(GREENBENCH_STATE=str(state), GREENBENCH_SYSFS=str(sysfs)):
            recover(messages.append)
            left = left_behind()
        for message in messages:
            check_refusal(message)
        assert bool(left) == place.exists()
        assert {path.name for path in folder.iterdir()} == {"sysfs", "state"}
        assert [path.name for path in sysfs.iterdir()] == [SETTING]
        place.unlink(missing_ok=True)

    yield read


JOURNAL = Reader(
    name="journal", inputs=json_files(journal()), document=journal(), open=open_journals
)


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


class Waiting(Exception):
    """A lease would be waited for."""


@contextlib.contextmanager
def open_leases(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Say who holds a lease that another process has."""
    place = folder / "cpu.lease"
    place.touch()

    def say(message: str) -> None:
        check_refusal(message, "cpu")
        raise Waiting

    def read(raw: bytes) -> None:
        place.write_bytes(raw)
        with pytest.raises(Waiting):
            Lease(folder, ["cpu"], say).take()
        assert not Lease(folder, ["cpu"]).take(wait=False)

    command = [sys.executable, "-c", HOLDER, str(place)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        yield read
        holder.stdin.close()


LEASE = Reader(
    name="lease",
    inputs=decided(lambda decisions: damaged(decisions, "process 1 of user 0 (pytest bench)")),
    open=open_leases,
)
