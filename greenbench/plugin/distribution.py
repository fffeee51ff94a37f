"""Whether pytest-xdist distributes the tests of a session, and which sessions it may."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TypedDict

import pytest

from greenbench.errors import UsageError
from greenbench.machine.devices import parts
from greenbench.plugin import benchmark_rows

if TYPE_CHECKING:
    from greenbench.experiment.settings import Settings
    from greenbench.results.record import Json

INPUT = "greenbench"
"""The key under which a worker is told, and tells at its end, what concerns greenbench."""
RECORD: pytest.StashKey[Json] = pytest.StashKey()
"""The record of an item's cell, until its report takes it along."""
ROW: pytest.StashKey[Json] = pytest.StashKey()
"""In a worker, the row of pytest-benchmark of a test, until its report takes it along."""
HERE = re.compile(r"(\d+\*)?popen\b")
"""Beginning of xdist's words for workers on this machine."""
HOPELESS: pytest.StashKey[str] = pytest.StashKey()
"""Why no cell can be measured, as the first one found: the whole session ends with it."""
ONLY: pytest.StashKey[bool] = pytest.StashKey()
"""Whether ``--benchmark-only`` was given."""


class WorkerInput(TypedDict):
    """What a worker is told when it starts."""

    folder: str
    """Where the session's workers meet."""
    workers: int
    gpu: str
    """The UUID of the GPU that is this worker's own; empty if workers share what there is."""


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is a worker of pytest-xdist."""
    return hasattr(config, "workerinput")


def starts_workers(config: pytest.Config) -> bool:
    """Whether this process starts workers; not if tests are only listed."""
    distributes = config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))
    return distributes and not config.option.collectonly


def passes_for_worker(config: pytest.Config) -> bool:
    """Whether pytest-benchmark takes this process for a worker, whose test only started it."""
    return "PYTEST_XDIST_WORKER" in os.environ and not is_worker(config)


def told(config: pytest.Config) -> WorkerInput:
    """Return what a worker was told; raises UsageError if no process measures with it."""
    try:
        work: WorkerInput = config.workerinput[INPUT]  # type: ignore[attr-defined]
    except KeyError:
        raise UsageError(
            "greenbench measures under pytest-xdist only in a suite whose conftest.py calls "
            "use_matrix, for one process has to write and judge; run without -n"
        ) from None
    return work


def refuse_unfit(config: pytest.Config, settings: Settings) -> None:
    """Raise UsageError for what greenbench cannot distribute."""
    benchmark_rows.refuse_version(benchmark_rows.installed_version())
    if config.getoption("dist") == "each":
        raise UsageError("--dist each would measure every cell in every worker; leave it out")
    for place in config.getoption("tx"):
        if not HERE.match(place):
            raise UsageError(
                f"--tx {place}: workers measure on this machine only; write -n N, or --tx N*popen"
            )
    if len(parts(settings.device)) > 1:
        raise UsageError(
            f"--green-device {settings.device}: the processes of a cell on several devices belong "
            "to one session, not to each of several workers; run without -n, or name one device"
        )
    if settings.until_sure is not None:
        raise UsageError(
            "--green-until-sure: workers begin the next block before this one is judged; run "
            "without -n"
        )
    if settings.reuse:
        raise UsageError(
            "--green-reuse: only the process that collects a session knows what its trainings "
            "share; run without -n"
        )
    if config.getoption("benchmark_cprofile", None):
        raise UsageError("--benchmark-cprofile: profiles stay in the workers; run without -n")


def hide_only(config: pytest.Config) -> None:
    """Keep pytest-benchmark from refusing ``--benchmark-only``, as it would under pytest-xdist.

    A worker does not say either what is compared: that is not its business.
    """
    config.stash[ONLY] = config.option.benchmark_only
    config.option.benchmark_only = False
    if is_worker(config):
        config.option.benchmark_compare = None


def restore_only(config: pytest.Config) -> None:
    """Put ``--benchmark-only`` back; nor does pytest-benchmark say that it is switched off."""
    only = config.option.benchmark_only = config.stash[ONLY]
    benchmarks = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001
    benchmarks.only = only
    benchmarks.skip = benchmarks.skip and not only
    benchmarks.xdist_warning = False


class NoWorker:
    """The hook of a session that a worker's test started: pytest-benchmark is to measure in it."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let pytest-benchmark select, measure and save as it does anywhere else."""
        enable(session.config)


def enable(config: pytest.Config) -> None:
    """Switch pytest-benchmark on again, unless the command line switches it off."""
    restore_only(config)
    config._benchmarksession.disabled = not benchmark_rows.measures(config)  # type: ignore[attr-defined]  # noqa: SLF001
