"""What this process and its descendants used, and who they are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from greenbench.machine.control.guard import start_ticks
from greenbench.machine.processes import (
    Adoption,
    adopts_orphans,
    forgetful,
    own_pids,
    tree_cpu_seconds,
)

if TYPE_CHECKING:
    import pytest

BURN = """
import time
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
print(flush=True)
input()
"""


def test_a_child_s_seconds_count_while_it_lives_and_after_it_ended() -> None:
    """Once each: being waited for moves them, and adds nothing."""
    before = tree_cpu_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living = tree_cpu_seconds() - before
        child.communicate(b"\n")
    ended = tree_cpu_seconds() - before
    assert 0.28 <= living <= ended + 0.02  # clock ticks of 10 ms
    assert ended < living + 0.3


def test_orphans_are_adopted_until_the_last_adoption_ends() -> None:
    """Several may be open, end in any order and twice; what held before holds again."""
    before = adopts_orphans()
    first, second = Adoption(), Adoption()
    first.end()
    first.end()
    assert adopts_orphans()
    second.end()
    assert adopts_orphans() == before


FORKED = """
import os
from greenbench.machine.processes import Adoption, adopts_orphans
adoption = Adoption()
child = os.fork()
if child == 0:
    adoption.end()
    os._exit(int(adopts_orphans()))
print(os.waitpid(child, 0)[1], adopts_orphans())
"""


def test_a_forked_child_neither_adopts_nor_ends_an_adoption() -> None:
    """The setting is a process's own, and the copy in a child changes nothing."""
    command = [sys.executable, "-c", FORKED]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["0", "True"]


def test_own_pids_are_ours_and_our_descendants() -> None:
    """Grandchildren are, our parent is not, and a child that ended is no longer."""
    sleeper = """if True:
        import subprocess
        process = subprocess.Popen(['sleep', '60'])
        print(process.pid, flush=True)
        input()
        process.kill()
    """
    with subprocess.Popen(
        [sys.executable, "-c", sleeper], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        alive = own_pids()
        child.communicate(b"\n")
    assert {os.getpid(), child.pid, grandchild} <= alive
    assert os.getppid() not in alive
    assert child.pid not in own_pids()


def test_where_others_may_not_be_looked_at_our_own_are_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With hidepid, descendants are found by the kernel's lists of each process's children."""

    def forbidden(*_: object, **__: object) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "children", forbidden)
    adopted = own_pids()  # what earlier tests left, among them this process
    before = tree_cpu_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert own_pids() - adopted == {child.pid}
        assert os.getpid() in adopted
        assert tree_cpu_seconds() - before >= 0.28
        child.communicate(b"\n")


NAMED = """
import ctypes, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
ctypes.CDLL(None).prctl(15, b"\\xff) 7", 0, 0, 0)  # PR_SET_NAME
print(flush=True)
input()
"""


def test_a_process_may_have_any_name() -> None:
    """One that is not UTF-8, and has brackets in it, is read like others."""
    with subprocess.Popen(
        [sys.executable, "-c", NAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in forgetful()
        assert int(start_ticks(child.pid)) > 0
        child.communicate(b"\n")


def test_a_forked_child_adopts_for_itself() -> None:
    """It inherits its parent's count of adoptions, and not that orphans come to it."""
    adoption = Adoption()
    child = os.fork()
    if child == 0:
        inherited = adopts_orphans()
        Adoption()
        os._exit(0 if adopts_orphans() and not inherited else 2)
    _, status = os.waitpid(child, 0)
    adoption.end()
    assert os.waitstatus_to_exitcode(status) == 0
