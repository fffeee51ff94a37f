"""A simulated machine, a folder for journals and leases, and sessions that end in a given way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.machine.control import transaction
from tests.simulators.sysfs import Sysfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulators.nvml import SimulatedNvml

ROOT = Path(__file__).parents[3]
SESSION = Path(__file__).with_name("session.py")
PATIENCE_S = 30.0
PAUSE_S = 0.02


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sysfs:
    """Simulate the kernel's files of power caps, clocks and governors."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path / "sys"))
    return Sysfs(tmp_path / "sys")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of journals and leases; stop this process's guard afterwards."""
    folder = tmp_path / "state"
    monkeypatch.setenv("GREENBENCH_STATE", str(folder))
    yield folder
    transaction.GUARD.stop()


class Machine:
    """The simulated machine as sessions find it, and what they leave changed."""

    def __init__(self, sysfs: Sysfs, state: Path, nvml: SimulatedNvml) -> None:
        self.sysfs = sysfs
        self.state = state
        self.nvml = nvml
        (self.gpu,) = nvml.plug()
        self.gpu.power_limit_w = 650  # an administrator's: the default is 700
        self.environment: dict[str, str] = {}

    @property
    def journals(self) -> list[Path]:
        """The journals on disk: one for each session with settings to restore."""
        return sorted(self.state.rglob("*.journal"))

    @property
    def as_before(self) -> bool:
        """Whether every setting has its original value."""
        gpu_as_before = (self.gpu.power_limit_w, self.gpu.locked_sm_mhz) == (650, 0)
        return gpu_as_before and not self.sysfs.changed

    def start(self, ending: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a session that ends by ``ending``; return once its settings are in force."""
        process = self.launch(ending, *arguments)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "in force\n", line + process.stdout.read()
        return process

    def launch(self, ending: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a session whose messages go into a file beside the journals."""
        environment = {
            **os.environ,
            **self.nvml.environment(),
            **self.environment,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, str(SESSION), ending, *arguments]
        self.state.mkdir(exist_ok=True)
        with (self.state / "messages").open("a") as messages:
            return subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=messages, text=True
            )

    @property
    def messages(self) -> str:
        """The messages of all sessions so far."""
        return (self.state / "messages").read_text()

    def settle(self) -> bool:
        """Wait until no journal is left, and return whether everything is as before."""
        wait_until(lambda: not self.journals)
        return self.as_before


def wait_until(condition: Callable[[], Any]) -> None:
    """Return when ``condition`` holds, or after ``PATIENCE_S``."""
    until = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until:
        time.sleep(PAUSE_S)


@pytest.fixture
def machine(
    sysfs: Sysfs, state: Path, nvml: SimulatedNvml, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """Give the simulated machine; the guard of this process sees the same cards."""
    for name, value in nvml.environment().items():
        monkeypatch.setenv(name, value)
    return Machine(sysfs, state, nvml)
