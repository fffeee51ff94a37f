"""A pytest session, serial or with workers, restores the settings however its tests end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.machine.control.controls import PowerLimit
from greenbench.machine.control.journal import Entry, new_journal
from tests.simulators.zeusd import Zeusd

if TYPE_CHECKING:
    from machine.control.conftest import Machine

ROOT = Path(__file__).parents[3]
WITHOUT_PLUGINS = ("-p", "no:anyio", "-p", "no:typeguard", "-p", "no:hypothesispytest")
"""Plugins of dependencies that no test here needs: each process would load them for a second."""
TESTS = """
import ctypes, os, signal, time
import pytest
from greenbench.machine.control.context import DeviceSettings
from greenbench.machine.gpus import gpus
from greenbench.options import SystemOptions

OPTIONS = SystemOptions(gpu_power_fraction=0.7, gpu_clock_fraction=0.8, cpu_governor="powersave")


@pytest.fixture
def capped():
    with DeviceSettings(OPTIONS, gpus()) as device_settings:
        assert not [p for p in device_settings.proofs({}) if p.note.startswith("not applied")]
        yield
        if os.environ["ENDING"] == "teardown":
            raise RuntimeError("teardown failed")


@pytest.mark.parametrize("number", range(4))
def test_something(capped, number):
    ending = os.environ["ENDING"] if number == 1 else ""
    if ending == "failure":
        raise RuntimeError("failed")
    if ending == "exit":
        os._exit(3)
    if ending == "segfault":
        ctypes.string_at(0)
    if ending.startswith("SIG"):
        os.kill(os.getpid(), getattr(signal, ending))
        time.sleep(1)
"""


def run(
    machine: Machine, folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest on the tests in ``folder``, in a process of its own."""
    variables = {**os.environ, **machine.nvml.environment(), "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [*WITHOUT_PLUGINS, *arguments]
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=180
    )


ENDINGS = (
    "normal",
    "failure",
    "teardown",
    "exit",
    "segfault",
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
    "SIGKILL",
)
WITH_A_DAEMON = ("normal", "segfault", "SIGKILL")
"""Endings of sessions whose settings zeusd makes: it does not know how they end."""
OF_WORKERS = (*WITH_A_DAEMON, "exit", "SIGTERM")
"""Endings of workers: an exception is caught in the same place as without workers."""
CASES = [
    pytest.param(
        user,
        workers,
        ending,
        marks=[] if (user, workers, ending) == ("root", (), "SIGKILL") else [pytest.mark.slow],
        id=f"{user}-{ending}-{'workers' if workers else 'serial'}",
    )
    for user, workers, endings in (
        ("root", (), ENDINGS),
        ("root", ("-n", "2"), OF_WORKERS),
        ("zeusd", (), WITH_A_DAEMON),
        ("zeusd", ("-n", "2"), WITH_A_DAEMON),
    )
    for ending in endings
]


@pytest.mark.parametrize(("user", "workers", "ending"), CASES)
def test_a_pytest_session_restores_the_settings(
    user: str, workers: tuple[str, ...], ending: str, machine: Machine, tmp_path: Path
) -> None:
    """Workers on one card take turns, and each has a guard, so that a killed one is covered too."""
    machine.gpu.privileged = user == "root"
    (tmp_path / "test_capped.py").write_text(TESTS)
    daemon = None
    environment = {"ENDING": ending}
    if user == "zeusd":
        daemon = Zeusd(tmp_path / "zeusd.sock", lambda: 0, machine.nvml.gpus)
        environment["ZEUSD_SOCK_PATH"] = str(tmp_path / "zeusd.sock")
    session = run(machine, tmp_path, *workers, **environment)
    settled = machine.settle()
    if daemon is not None:
        daemon.close()
    assert settled, session.stdout
    assert ("4 passed" in session.stdout) == (ending in {"normal", "teardown"})


@pytest.mark.slow
def test_a_benchmark_restores_what_a_killed_one_left_changed(
    machine: Machine, suite: pytest.Pytester
) -> None:
    """``pytest bench`` restores before its first cell; with control off it says how to restore."""
    machine.gpu.privileged = True
    machine.gpu.power_limit_w = 490
    new_journal([Entry(control=PowerLimit(machine.gpu.uuid), before=650000, after=490000)]).write()
    conftest = (suite.path / "conftest.py").read_text()
    real = "@pytest.fixture\ndef toggles(cell, pytestconfig):\n"
    real += "    from greenbench.plugin.hooks import suite_of\n"
    real += "    from greenbench.run.leftovers import restore_leftovers\n"
    real += "    session = suite_of(pytestconfig).session\n"
    real += "    control = session.settings.control == 'on'\n"
    real += "    restore_leftovers(session.messages.say, control=control)\n"
    real += "    return StubToggles(cell)\n"
    (suite.path / "conftest.py").write_text(
        conftest.replace(
            "@pytest.fixture\ndef toggles(cell):\n    return StubToggles(cell)\n", real
        )
    )
    # On the CPU: to look for CUDA beside the simulated card would import torch.
    command = ("bench", "-k", "V0 and T2", "--green-gpus=none", "--green-device=cpu")
    session = run(machine, suite.path, *command, "--green-control=off")
    assert session.returncode == 0, session.stdout
    text = unwrapped(session.stdout)
    assert "left settings of this machine changed; --green-control off leaves it so" in text
    assert "greenbench restore" in text
    assert machine.gpu.power_limit_w == 490
    session = run(machine, suite.path, *command)
    assert session.returncode == 0, session.stdout
    assert "changed; the previous values are restored" in unwrapped(session.stdout)
    assert machine.settle()


def unwrapped(text: str) -> str:
    """Return text in one line: notes name this process, whose length decides where they break."""
    return " ".join(text.split())
