"""A machine with settings of its own, a folder for journals, and sessions that end as they are told."""

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


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sysfs:
    """Give a simulated tree of the kernel's."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path / "sys"))
    return Sysfs(tmp_path / "sys")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of journals and leases, and end this process's guard."""
    folder = tmp_path / "state"
    monkeypatch.setenv("GREENBENCH_STATE", str(folder))
    yield folder
    transaction.GUARD.stop()


class Machine:
    """The simulated machine as sessions find it, and what they leave."""

    def __init__(self, sysfs: Sysfs, state: Path, nvml: SimulatedNvml) -> None:
        self.sysfs, self.state, self.nvml = sysfs, state, nvml
        (self.gpu,) = nvml.plug()
        self.gpu.power_limit_w = 650  # an administrator's: the default is 700
        self.environment: dict[str, str] = {}

    @property
    def journals(self) -> list[Path]:
        """What is owed."""
        return sorted(self.state.rglob("*.journal"))

    @property
    def as_before(self) -> bool:
        """Whether every setting is what it was."""
        return not self.sysfs.changed and (self.gpu.power_limit_w, self.gpu.locked_sm_mhz) == (
            650,
            0,
        )

    def start(self, ending: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a session that ends as ``ending`` says, and wait until its settings are in force."""
        process = self.launch(ending, *arguments)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line == "in force\n", line + process.stdout.read()
        return process

    def launch(self, ending: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a session; what it says of the machine goes into a file beside the journals."""
        environment = {
            **os.environ,
            **self.nvml.environment(),
            **self.environment,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, str(SESSION), ending, *arguments]
        self.state.mkdir(exist_ok=True)
        with (self.state / "said").open("a") as said:
            return subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True
            )

    @property
    def said(self) -> str:
        """What sessions said of the machine's settings."""
        return (self.state / "said").read_text()

    def settle(self) -> bool:
        """Wait until nothing is owed, and say whether everything is as before."""
        wait_until(lambda: not self.journals)
        return self.as_before


def wait_until(condition: Callable[[], Any]) -> None:
    """Wait until ``condition`` holds, or give up after a while."""
    until = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


@pytest.fixture
def machine(
    sysfs: Sysfs, state: Path, nvml: SimulatedNvml, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """Give the simulated machine; guards of this process see the same cards."""
    for name, value in nvml.environment().items():
        monkeypatch.setenv(name, value)
    return Machine(sysfs, state, nvml)
