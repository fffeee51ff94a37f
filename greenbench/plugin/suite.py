"""A pytest session that measures: its hooks, registered once the first cell is collected.

The end of a session stands in ``pytest_sessionfinish``, in its order: state the means again with
the uncertainty that all rounds together show, release what was opened, judge the gates, write the
verdicts, set the exit status.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from greenbench.plugin.attempts import Attempts, last_attempts
from greenbench.plugin.benchmark_table import hide_benchmark_table
from greenbench.plugin.distribution import RECORD, is_worker
from greenbench.plugin.errors import make_safe
from greenbench.plugin.judgement import Judgement, end_written
from greenbench.plugin.outlook import outlook
from greenbench.plugin.progress import progress_of
from greenbench.plugin.resuming import TakenItems
from greenbench.plugin.selection import (
    argument_paths,
    compared,
    runs_tests,
    selected_cells,
    selection_of,
)
from greenbench.report.summary import Summary
from greenbench.report.texts import printable
from greenbench.results.record import Json, builtin
from greenbench.run.gatekeeper import Gatekeeper
from greenbench.run.session import Session

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from greenbench.report.progress import Progress
    from greenbench.types import Cell

CUT_SHORT = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
"""How a session ends that can be continued."""


class Suite:
    """One pytest session that measures."""

    def __init__(
        self, config: pytest.Config, experiment: Path | None, variants: Path | None
    ) -> None:
        """Read matrix and settings; raises UsageError for what is wrong in them."""
        places = argument_paths(config) if experiment is None else [experiment.parent]
        self.session = Session(config.getoption, config.rootpath, experiment, variants, places)
        settings = self.session.settings
        self.summary = Summary(config.rootpath, verbose=settings.verbose, carbon=settings.carbon)
        self.attempts = Attempts(self.session, self.summary)
        self.gatekeeper = Gatekeeper(
            self.session, lambda: compared(config), selection=selection_of(config)
        )
        self.judgement = Judgement(self.session, self.summary, self.gatekeeper)
        self._config = config
        self.taken_over = TakenItems()
        """What the session has of one that it continues."""
        self.session.messages.show = self._show

    @functools.cached_property
    def progress(self) -> Progress:
        """What shows on the terminal what runs; pytest's parts for it exist after its start."""
        return progress_of(self._config, verbose=self.session.settings.verbose)

    def _show(self, text: str) -> None:
        self.progress.say(text)

    # --- before the first cell --------------------------------------------------------------------

    def check(self, cells: Sequence[Cell], sources: Sequence[Path]) -> None:
        """Find every reason why the run could not succeed; raises UsageError."""
        self.session.check(cells, sources)
        self.check_gates()

    def check_gates(self) -> None:
        """Resolve what the gates refer to; raises UsageError."""
        if self.gatekeeper.gates:
            self.gatekeeper.check()

    def pytest_report_collectionfinish(
        self, config: pytest.Config, items: Sequence[pytest.Item]
    ) -> list[str]:
        """Say what the run will cost, or why nothing is selected."""
        cells = self.session.selected or selected_cells(items)
        lines = outlook(self.session, cells, collect_only=config.option.collectonly)
        text = self.taken_over.text
        return [*lines, f"greenbench: {printable(text)}"] if text else lines

    # --- a cell -----------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a cell's record travel on its test report, with the outcome of its test."""
        report = yield
        if report.failed and item.get_closest_marker("greenbench"):
            make_safe(report)
        if report.when == "call" and RECORD in item.stash:
            item.stash[RECORD]["outcome"] = report.outcome
            report.__dict__["greenbench"] = item.stash[RECORD]  # it travels with the report
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the record of a finished cell."""
        record = getattr(report, "greenbench", None)
        if record is None or is_worker(self._config):
            return
        self.attempts.keep(record)

    # --- the end ----------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_update_json(self, output_json: Json) -> None:
        """Add to a saved run what its cells were measured in, and whether it failed a gate."""
        self.attempts.restate_means()
        about = builtin(self.session.results.header)
        about["gates"] = self.judgement.record()
        output_json["greenbench"] = about
        output_json["benchmarks"] = last_attempts(output_json["benchmarks"])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Restate the means, release, judge, write the verdicts, and set the exit status."""
        if self.taken_over.text and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # all was measured before
        if not is_worker(session.config):
            self.attempts.write_means()
        with end_written(self.summary):
            # A worker that stops after a test, as requested, ends as if it had done all.
            hurry = session.exitstatus in CUT_SHORT or bool(session.shouldstop)
            self.summary.notes += self.session.release(hurry=hurry)
        if is_worker(session.config):
            return
        aborted = session.exitstatus > pytest.ExitCode.INTERRUPTED  # a wrong call, or a bug
        if runs_tests(session.config) and not aborted:
            self.judgement.write()
        failed = self.judgement.failed or self.summary.problems
        if failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Print the answer, the table, the warnings and the files."""
        variants = [record for record in self.summary.records if record.variant]
        if variants:
            hide_benchmark_table(config, gated=bool(self.gatekeeper.gates))
        self.summary.show(
            terminalreporter,
            measured=self.gatekeeper.measured(variants),
            selected=[cell.id for cell in self.session.selected],
            paths=self.session.results.paths,
            keyword=config.option.keyword,
            experiment=self.session.matrix,
            allow=self.session.settings.allow,
        )
