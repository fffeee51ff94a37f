"""Whatever ends a session, the machine gets its own settings back: each of these is a process that really ends so."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest
from machine.control.conftest import wait_until

from tests.simulators.zeusd import Zeusd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machine.control.conftest import Machine

GUARD = "greenbench.machine.control.guard"
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
ENDINGS = ("normal", "failure", "exit", "segfault", "worker", *SIGNALS)


@pytest.fixture
def controlled(
    request: pytest.FixtureRequest, machine: Machine, tmp_path: Path
) -> Iterator[Machine]:
    """Give the machine to root, or to a user who may set the GPU through the Zeus daemon alone."""
    if request.getfixturevalue("user") == "root":
        machine.gpu.privileged = True
        yield machine
        return
    machine.gpu.privileged = False
    daemon = Zeusd(tmp_path / "zeusd.sock", lambda: 0, machine.nvml.gpus)
    machine.environment["ZEUSD_SOCK_PATH"] = str(tmp_path / "zeusd.sock")
    yield machine
    daemon.close()


CASES = [
    pytest.param(
        user,
        ending,
        marks=[] if user == "root" or ending == "SIGKILL" else [pytest.mark.slow],
        id=f"{user}-{ending}",
    )
    for user in ("root", "zeusd")
    for ending in ENDINGS
]


@pytest.mark.parametrize(("user", "ending"), CASES)
def test_settings_from_before_are_back(user: str, ending: str, controlled: Machine) -> None:  # noqa: ARG001  asked by the fixture
    """An administrator's limit that is not the default, clocks, caps and governors, however the session ends."""
    process = controlled.start("wait" if ending in SIGNALS else ending)
    if ending in SIGNALS:
        assert not controlled.as_before
        assert (controlled.gpu.power_limit_w, controlled.gpu.locked_sm_mhz) == (490, 1500)
        process.send_signal(getattr(signal, ending))
    process.communicate(timeout=30)
    assert controlled.settle()
    assert process.returncode == {
        "normal": 0, "failure": 1, "exit": 3, "segfault": -11, "worker": -9, "SIGINT": -2, "SIGTERM": -15, "SIGHUP": -1,
        "SIGKILL": -9,
    }[ending]  # fmt: skip


def guard_of(pid: int) -> int:
    """Return the pid of the guard of a session."""
    guards = [
        p.pid
        for p in psutil.process_iter(["cmdline"])
        if {GUARD, str(pid)} <= set(p.info["cmdline"] or ())
    ]
    assert len(guards) == 1
    return guards[0]


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_session_whose_guard_is_killed_still_puts_back_by_itself(machine: Machine) -> None:
    """The guard is the second line of defence, not the first."""
    machine.gpu.privileged = True
    process = machine.start("wait")
    os.kill(guard_of(process.pid), signal.SIGKILL)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert machine.settle()


def test_no_guard_outlives_its_purpose(machine: Machine) -> None:
    """A normal end leaves no process behind."""
    machine.gpu.privileged = True
    process = machine.start("wait")
    guard = guard_of(process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    wait_until(lambda: gone(guard))
    assert gone(guard)
    assert machine.settle()


@pytest.fixture
def abandoned(machine: Machine) -> Machine:
    """Give a machine whose session and guard were both killed: the journal is all that knows."""
    machine.gpu.privileged = True
    process = machine.start("wait")
    guard = guard_of(process.pid)
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: gone(guard))
    process.kill()
    process.communicate(timeout=30)
    assert len(machine.journals) == 1
    assert not machine.as_before
    return machine


def test_the_next_session_restores_before_it_sets_anything(abandoned: Machine) -> None:
    """It says whose settings they were, and then has its own put back to the administrator's."""
    process = abandoned.start("normal")
    said, _ = process.communicate(timeout=30)
    assert abandoned.settle()
    assert process.returncode == 0, said


def test_two_sessions_take_turns(machine: Machine) -> None:
    """The second waits until the first has put everything back, says for whom, and restores what it found itself."""
    machine.gpu.privileged = True
    first = machine.start("wait")
    second = machine.launch("normal")
    wait_until(lambda: "waiting for cpu: process" in machine.said)
    assert "waiting for cpu: process" in machine.said
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    second.communicate(timeout=30)
    assert second.returncode == 0
    assert machine.settle()
