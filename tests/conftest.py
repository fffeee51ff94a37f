"""Rules for all tests, and fixtures that they share."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stub_suite

from tests.simulators import nvml as nvml_simulator

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

# A shell that starts pytest in the background lets it, and all that it starts, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Programs that tests start are not workers, though a worker may start them.
for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
    del os.environ[name]

# Images of containers often forbid to write bytecode. Then each of the processes that tests start,
# more than a hundred, would compile greenbench anew, which takes longer than many of them run.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Sessions that tests start need no plugin of a dependency.
os.environ.setdefault("PYTEST_ADDOPTS", stub_suite.LEAN)

# The tests' models are too small to gain from threads, and threads of two workers that wait for
# cores take three times the CPU time. torch reads it when imported; processes of tests inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Every test holds the second lock while it runs, and the first one only to wait for the second in
# its turn: otherwise tests that share the lock would keep one that wants it for itself waiting.
TURN = os.open(Path(__file__).parent, os.O_RDONLY)
RUNNING = os.open(__file__, os.O_RDONLY)

FROZEN: set[str] = set()
"""Modules whose objects ``freeze_imports`` has frozen."""


def pytest_collection_finish() -> None:
    """Freeze what collecting has made."""
    freeze_imports()


def pytest_runtest_logfinish() -> None:
    """Freeze what a test has imported."""
    freeze_imports()


def freeze_imports() -> None:
    """Take modules, which live until the end, out of what ``gc.collect`` has to look through.

    greenbench collects before every round: with the modules of all tests and of torch that took a
    second each time, most of the time of a session in miniature.
    """
    if not FROZEN.issuperset(sys.modules):
        gc.collect()
        gc.freeze()
        FROZEN.update(sys.modules)


def pytest_configure() -> None:
    """Let hypothesis take its time on a busy machine; in CI every run tries the same examples."""
    from hypothesis import HealthCheck, settings  # once bytecode may be written: it is slow without

    settings.register_profile(
        "greenbench", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile(
        "ci", settings.get_profile("greenbench"), derandomize=True, database=None
    )
    settings.load_profile("ci" if os.environ.get("CI") else "greenbench")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test that is marked ``alone`` run while the other workers wait."""
    mode = fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH
    fcntl.flock(TURN, fcntl.LOCK_EX)
    fcntl.flock(RUNNING, mode)
    fcntl.flock(TURN, fcntl.LOCK_UN)
    try:
        return (yield)
    finally:
        fcntl.flock(RUNNING, fcntl.LOCK_UN)


@pytest.fixture(scope="session")
def libraries() -> None:
    """Import what sessions inside this process share."""
    stub_suite.load_libraries()


@pytest.fixture
def pytester(
    libraries: None,  # noqa: ARG001  before pytester notes which modules there are
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> pytest.Pytester:
    """Let the sessions of pytest's own pytester load no plugin that they do not need."""
    monkeypatch.setenv("PYTEST_ADDOPTS", stub_suite.LEAN)
    return pytester


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Write a suite in miniature; run it by ``stub_suite.run_here`` or in a process of its own."""
    monkeypatch.delenv("STUB", raising=False)
    monkeypatch.setenv("COLUMNS", "200")  # sentences stand on one line, and tests match them whole
    stub_suite.write(pytester.path)
    return pytester


@pytest.fixture(scope="session")
def nvml_driver(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> nvml_simulator.SimulatedNvml:
    """Build the simulated NVIDIA driver once a test run, and load it once a process."""
    if nvml_simulator.real_driver():
        pytest.skip("a real NVIDIA driver is loaded: it is not replaced by a simulated one")
    run_folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        run_folder = run_folder.parent  # an xdist worker's own folder lies below the run's
    library = nvml_simulator.build_once(run_folder / "nvml-driver")
    if library is None:
        pytest.skip("there is no C compiler to build the simulated NVIDIA driver with")
    state = tmp_path_factory.mktemp("nvml") / "state"
    return nvml_simulator.SimulatedNvml(library, state)


@pytest.fixture
def nvml(
    nvml_driver: nvml_simulator.SimulatedNvml, monkeypatch: pytest.MonkeyPatch
) -> Iterator[nvml_simulator.SimulatedNvml]:
    """Give the simulated driver without a card; afterwards the machine has no driver again."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    nvml_driver.reset()
    yield nvml_driver
    nvml_driver.reset()
