"""What workers of pytest-xdist do: they measure in turn, or side by side with a GPU for each.

They write no file and judge nothing: records and rows travel on the reports of their tests.
"""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import GreenbenchError
from greenbench.machine.gpus import VISIBLE
from greenbench.plugin.distribution import (
    HOPELESS,
    INPUT,
    RECORD,
    ROW,
    restore_only,
)
from greenbench.plugin.refused import REFUSED
from greenbench.plugin.stopping import StopGate
from greenbench.run.adoption import circumstances
from greenbench.run.meeting import Membership
from greenbench.run.memory import MemoryFile
from greenbench.run.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Generator

    from greenbench.plugin.distribution import WorkerInput
    from greenbench.plugin.suite import Suite
    from greenbench.results.record import Json

FAILED = 1
"""The exit code of a worker that nobody waits for."""
MACHINE = "machine"
"""The turn of workers that measure one at a time."""


class MeasuringWorker:
    """The hooks of a worker."""

    def __init__(self, suite: Suite, told: WorkerInput) -> None:
        """Join the session that ``told`` describes; what imports CUDA later sees its GPU alone."""
        self._suite = suite
        self._session = suite.session
        self._folder = Path(told["folder"])
        self._workers, self._gpu = told["workers"], told["gpu"]
        self._session.memory.file = MemoryFile(self._folder)
        self._membership = Membership(self._folder, self._be_orphaned)
        self._is_orphan = False
        signal.signal(signal.SIGINT, self._interrupt)
        if self._gpu:
            os.environ[VISIBLE] = self._gpu

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Let pytest-benchmark select as it does without workers; look for a stop before tests."""
        restore_only(session.config)
        session.config.pluginmanager.register(
            StopGate(self._membership, self._session.memory), "greenbench-stop-gate"
        )

    # --- its end before the last test -------------------------------------------------------------

    def _be_orphaned(self) -> None:
        """End at once: the process that started this one has ended, or waits for no result."""
        self._is_orphan = True
        os.kill(os.getpid(), signal.SIGINT)

    def _interrupt(self, _number: int, _frame: object) -> None:
        """Leave Ctrl-C, which reaches all processes of a terminal, to the session's own process."""
        if self._is_orphan:
            raise KeyboardInterrupt

    # --- tests ------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run a test, warm-up included, while no other worker runs one on the same device.

        Of the tests that wait, the one that comes first in the session's order is next.
        """
        with self._turn().taken(item.session.items.index(item)):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the row of pytest-benchmark travel on a report, and what it was measured in."""
        report = yield
        if report.when == "call" and RECORD in item.stash:
            stated = circumstances(self._session.results)
            part = {"row": item.stash.get(ROW, None), "circumstances": stated}
            report.__dict__["greenbench_worker"] = part
        if HOPELESS in item.config.stash:
            report.__dict__["greenbench_hopeless"] = item.config.stash[HOPELESS]
        if REFUSED in item.config.stash:
            report.__dict__["greenbench_refused"] = item.config.stash[REFUSED]
            del item.config.stash[REFUSED]
        return report

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Release in turn what was opened, and tell the session's own process what was found."""
        self._membership.leave()
        with self._turn().taken():
            yield
        if self._is_orphan:  # nobody reads what xdist would send
            os._exit(FAILED)
        summary = self._suite.summary
        output: Json = {"notes": list(summary.notes), "problems": summary.problems}
        output["conclusion"] = self._session.results.concluded.get("conclusion")
        session.config.workeroutput[INPUT] = output  # type: ignore[attr-defined]

    def _turn(self) -> Turn:
        return Turn(self._folder / self._region)

    @functools.cached_property
    def _region(self) -> str:
        """Which turn it takes: its GPU's if its cells run there, else the machine's."""
        on_gpu = bool(self._gpu) and self._runs_on_cuda()
        region = self._session.memory.region = self._gpu if on_gpu else MACHINE
        if on_gpu:
            together = "blocks ran side by side, each on a GPU of its own"
            self._session.instruments.no_host = f"{together}: what each took is not told apart"
            self._session.messages.say(
                f"{together}: joules of CPUs and memory are not counted, and seconds hold what "
                f"{self._workers} workers took from each other; -n 0 measures them too"
            )
        return region

    def _runs_on_cuda(self) -> bool:
        with Turn(self._folder / MACHINE).taken():  # it imports torch
            try:
                return self._session.instruments.device.startswith("cuda")
            except GreenbenchError:
                return False  # the first test says so
