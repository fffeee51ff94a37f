"""The process that outlives its session and puts the machine's settings back, however the session ends.

    python -m greenbench.machine.control.guard PID START [UUID ...]

It lives in a session of its own, so that no signal to the terminal or the process group reaches it, waits for the end of the
process PID (that started at START, in ticks since boot), and restores what journals of that process owe. At a normal end
there are none. It holds the NVIDIA driver open meanwhile: one that nobody holds forgets its limits by itself, and then the
values from before could not be told from somebody else's.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine.control import journal as journals
from greenbench.machine.control.controls import errors, hold_driver
from greenbench.machine.control.restore import recover

if TYPE_CHECKING:
    from collections.abc import Sequence

PLACES = ("GREENBENCH_STATE", "GREENBENCH_SYSFS")
READY = b"ready\n"
START_S = 60.0
PAUSE_S = 0.1


class Guard:
    """A guard over this process; ``start`` before anything is set, and it ends with us."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._holds: set[str] = set()

    def start(self, *, gpus: Sequence[str]) -> None:
        """Start it and wait until it watches, with these cards held open; raises UnavailableError where it does not.

        Harmless where it runs already and holds them.
        """
        if self._process is not None and self._process.poll() is None and set(gpus) <= self._holds:
            return
        self.stop()
        self._holds = set(gpus)
        command = [
            sys.executable,
            "-m",
            "greenbench.machine.control.guard",
            str(os.getpid()),
            started(os.getpid()),
        ]
        self._process = subprocess.Popen(  # noqa: S603  our own module
            [*command, *sorted(self._holds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={**os.environ, **_absolute()},
        )
        self._wait_until_ready()

    def stop(self) -> None:
        """End it at a normal end, when nothing is owed; it would end by itself when this process does."""
        if self._process is not None and not any(j.pid == os.getpid() for j in journals.found()):
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait_until_ready(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101  ``start`` made it
        assert process.stdout is not None  # noqa: S101
        able, _, _ = select.select([process.stdout], [], [], START_S)
        answer = os.read(process.stdout.fileno(), len(READY)) if able else b""
        process.stdout.close()
        if answer != READY:
            process.kill()
            process.wait()
            self._process = None
            raise UnavailableError(
                "the process that puts settings back could not be started: nothing is set without it"
            )


def _absolute() -> dict[str, str]:
    """Return the variables that name places, such as they hold from another folder too."""
    places = {name: os.path.abspath(os.environ[name]) for name in PLACES if os.environ.get(name)}  # noqa: PTH100
    return {**places, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))}


def started(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty where it is gone. A pid alone may be another's by now."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def wait_for(pid: int, start: str) -> None:
    """Return when the process is gone."""
    try:
        file = os.pidfd_open(pid)
    except OSError:  # gone, or a kernel without pidfd
        while started(pid) == start:
            time.sleep(PAUSE_S)
        return
    if started(pid) == start:
        select.select([file], [], [])
    os.close(file)


def main(arguments: list[str]) -> None:
    """Wait, then restore; nobody is there any more to be told, so what cannot be restored stays in the journal."""
    pid, start = int(arguments[0]), arguments[1]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    if cards := arguments[2:]:
        try:
            hold_driver(cards)
        except errors():
            sys.exit(1)
    errors()  # imports what restoring needs, while the files are there
    os.write(1, READY)
    os.close(1)
    wait_for(pid, start)
    owed = {
        device for journal in journals.found() if journal.pid == pid for device in journal.devices
    }
    if owed:
        recover(lambda _text: None, about=owed, wait=True)


if __name__ == "__main__":
    main(sys.argv[1:])
