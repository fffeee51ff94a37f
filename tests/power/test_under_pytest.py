"""A session of pytest, in one process or with workers, gives the machine back however its tests end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.power import journal as journals
from greenbench.power.controls import PowerLimit
from greenbench.power.journal import Entry

if TYPE_CHECKING:
    from power.conftest import Machine

ROOT = Path(__file__).parents[2]
TESTS = """
import os, signal
import pytest
from greenbench import devices, power
from greenbench.options import SystemOptions

OPTIONS = SystemOptions(gpu_power_fraction=0.7, gpu_clock_fraction=0.8, cpu_governor="powersave")


@pytest.fixture
def capped():
    with power.Circumstances(OPTIONS, devices.gpus()) as circumstances:
        assert not [p for p in circumstances.proofs({}) if p.note.startswith("not applied")]
        yield
        if os.environ["ENDING"] == "teardown":
            raise RuntimeError("teardown failed")


@pytest.mark.parametrize("number", range(4))
def test_something(capped, number):
    if number == 1 and os.environ["ENDING"] == "failure":
        raise RuntimeError("failed")
    if number == 1 and os.environ["ENDING"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 1 and os.environ["ENDING"] == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
"""


def run(machine: Machine, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests above, or a suite that lies there, in a process of its own."""
    variables = {**os.environ, **machine.nvml.environment(), "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=180)


ENDINGS = ("normal", "failure", "teardown", "interrupt", "kill")
CASES = [
    pytest.param(
        workers,
        ending,
        marks=[] if ending == "kill" else [pytest.mark.slow],
        id=f"{ending}-{'workers' if workers else 'serial'}",
    )
    for workers in ((), ("-n", "2"))
    for ending in ENDINGS
]


@pytest.mark.parametrize(("workers", "ending"), CASES)
def test_a_session_of_pytest_gives_the_machine_back(
    workers: tuple[str, ...], ending: str, machine: Machine, tmp_path: Path
) -> None:
    """Workers on one card take turns; one that is killed has a guard of its own."""
    machine.gpu.privileged = True
    (tmp_path / "test_capped.py").write_text(TESTS)
    done = run(machine, tmp_path, *workers, ENDING=ending)
    assert machine.settle(), done.stdout
    if ending == "normal":
        assert "4 passed" in done.stdout
    if ending == "kill":
        assert done.returncode != 0


def test_a_benchmark_restores_what_a_killed_one_left_and_says_so(machine: Machine, suite: pytest.Pytester) -> None:
    """``pytest bench`` looks before its first cell; with --green-control off it says how to restore."""
    machine.gpu.privileged = True
    machine.gpu.power_limit_w = 490
    journals.new([Entry(control=PowerLimit(machine.gpu.uuid), before=650000, after=490000)]).write()
    conftest = (suite.path / "conftest.py").read_text()
    real = "@pytest.fixture\ndef toggles(cell, pytestconfig):\n    from greenbench.plugin import session_of\n"
    real += "    session_of(pytestconfig)._recover()\n    return StubToggles(cell)\n"
    (suite.path / "conftest.py").write_text(
        conftest.replace("@pytest.fixture\ndef toggles(cell):\n    return StubToggles(cell)\n", real)
    )
    command = ("bench", "-k", "V0 and T2", "--green-gpus", "none")
    done = run(machine, suite.path, *command, "--green-control", "off")
    assert "left settings of this machine changed; --green-control off leaves it so: greenbench restore" in done.stdout
    assert machine.gpu.power_limit_w == 490
    done = run(machine, suite.path, *command)
    assert "1 passed" in done.stdout
    assert "changed; the values from before are back" in done.stdout
    assert machine.settle()
