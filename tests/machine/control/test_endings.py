"""The previous settings are restored however a session ends: each is a process that ends so."""

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
RETURN_CODES = {
    "normal": 0,
    "failure": 1,
    "exit": 3,
    "segfault": -signal.SIGSEGV,
    "worker": -signal.SIGKILL,
    "SIGINT": -signal.SIGINT,
    "SIGTERM": -signal.SIGTERM,
    "SIGHUP": -signal.SIGHUP,
    "SIGKILL": -signal.SIGKILL,
}
"""Ending of a session to the exit code of its process."""


@pytest.fixture
def controlled(
    request: pytest.FixtureRequest, machine: Machine, tmp_path: Path
) -> Iterator[Machine]:
    """Let root set the GPU, or a user who can set it through the Zeus daemon alone."""
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
    for ending in RETURN_CODES
]


@pytest.mark.parametrize(("user", "ending"), CASES)
def test_the_previous_settings_are_restored(
    user: str,  # noqa: ARG001  ``controlled`` reads it
    ending: str,
    controlled: Machine,
) -> None:
    """A limit that is not the default, clocks, power caps and governors are as before."""
    process = controlled.start("wait" if ending in SIGNALS else ending)
    if ending in SIGNALS:
        assert not controlled.as_before
        assert (controlled.gpu.power_limit_w, controlled.gpu.locked_sm_mhz) == (490, 1500)
        process.send_signal(getattr(signal, ending))
    process.communicate(timeout=120)
    assert controlled.settle()
    assert process.returncode == RETURN_CODES[ending]
    if ending == "worker":
        worker = psutil.Process(int((controlled.state / "worker").read_text()))
        assert worker.is_running()
        worker.kill()


def guard_of(pid: int) -> int:
    """Return the pid of the guard of session ``pid``."""
    (guard,) = [p.pid for p in psutil.Process(pid).children() if GUARD in p.cmdline()]
    return guard


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_session_whose_guard_is_killed_restores_by_itself(machine: Machine) -> None:
    """The guard is needed only if the session itself cannot restore."""
    machine.gpu.privileged = True
    process = machine.start("wait")
    os.kill(guard_of(process.pid), signal.SIGKILL)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert machine.settle()


def test_the_guard_ends_after_its_session(machine: Machine) -> None:
    """A session that is ended by SIGTERM leaves no guard process."""
    machine.gpu.privileged = True
    process = machine.start("wait")
    guard = guard_of(process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    wait_until(lambda: gone(guard))
    assert gone(guard)
    assert machine.settle()


@pytest.fixture
def abandoned(machine: Machine) -> Machine:
    """Give a machine whose session and guard were both killed: only the journal is left."""
    machine.gpu.privileged = True
    process = machine.start("wait")
    guard = guard_of(process.pid)
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: gone(guard))
    process.kill()
    process.communicate(timeout=120)
    assert len(machine.journals) == 1
    assert not machine.as_before
    return machine


def test_the_next_session_restores_before_it_sets_anything(abandoned: Machine) -> None:
    """It reports the ended session, and afterwards the administrator's settings are back."""
    process = abandoned.start("normal")
    output, _ = process.communicate(timeout=120)
    assert abandoned.settle()
    assert process.returncode == 0, output
    assert "changed; the previous values are restored" in abandoned.messages


def test_two_sessions_take_turns(machine: Machine) -> None:
    """The second waits until the first has restored everything, says so, and restores as well."""
    machine.gpu.privileged = True
    first = machine.start("wait")
    second = machine.launch("normal")
    wait_until(lambda: "waiting for cpu: process" in machine.messages)
    assert "waiting for cpu: process" in machine.messages
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=120)
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert machine.settle()
