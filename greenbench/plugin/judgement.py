"""The verdicts at a session's end: into the report, the results files and the saved run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError
from greenbench.plugin.report_page import write_report
from greenbench.report import until_sure
from greenbench.results.record import Json, builtin
from greenbench.run.until_sure import OpenCells, planned_looks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.gates.verdict import Verdict
    from greenbench.report.summary import Summary
    from greenbench.run.gatekeeper import Gatekeeper
    from greenbench.run.session import Session


@contextlib.contextmanager
def end_written(summary: Summary) -> Iterator[None]:
    """Make it a problem of the session if the results folder does not take how it ended."""
    try:
        yield
    except OSError as error:
        summary.problems.append(
            f"what the session's end showed could not be written ({error.strerror or error})"
        )


class Judgement:
    """What the gates say of a session."""

    def __init__(self, session: Session, summary: Summary, gatekeeper: Gatekeeper) -> None:
        """Judge nothing yet."""
        self._session = session
        self._summary = summary
        self._gatekeeper = gatekeeper
        self._open_cells = OpenCells(gatekeeper.gates, session.settings.allow)
        self._baseline_unreadable = False

    def going_on(self) -> set[str]:
        """Return the cells that need another block: those that are open, and their references.

        There is none if the baseline cannot be read, which is a problem of the session.
        """
        going_on = set()
        for name, compared_with in self._look().items():
            going_on |= {name, *compared_with}
        return going_on

    def _look(self) -> dict[str, set[str]]:
        """Look at the cells of the matrix; plain functions have no blocks."""
        cells = {}
        for cell in self._gatekeeper.measured(self._summary.records):
            if cell.record.variant:
                cells[cell.id] = cell
        try:
            return self._open_cells.look(cells, self._gatekeeper.references())
        except GreenbenchError as error:
            self._note_unreadable(error)
            return {}

    def write(self) -> None:
        """Judge, and put the verdicts into the summary, the results files and the report."""
        records = self._summary.records
        self._summary.verdicts = self.verdicts()
        self._summary.earlier = self._gatekeeper.baselines(records)
        if self._summary.earlier:
            self._summary.sessions = self._gatekeeper.earlier.by_id
        self._summary.notes += tuple(self._gatekeeper.notes)
        looks = planned_looks(self._session.settings)
        if looks is not None:
            self._summary.notes += (until_sure.sentence(records, self._look(), looks),)
        if self._gatekeeper.gates:
            self._conclude()
        measured = self._gatekeeper.measured(records)
        write_report(self._session.settings, self._summary, measured)

    def _conclude(self) -> None:
        try:
            self._session.results.conclude(gates=self.record())
        except OSError as error:
            reason = error.strerror or error
            self._summary.problems.append(
                f"the verdicts could not be written into the results files ({reason})"
            )

    def verdicts(self) -> list[Verdict]:
        """Return the verdicts; a baseline that cannot be read is a problem of the session."""
        try:
            return self._gatekeeper.judge(self._summary.records)
        except GreenbenchError as error:
            self._note_unreadable(error)
            return []

    def _note_unreadable(self, error: GreenbenchError) -> None:
        if not self._baseline_unreadable:
            self._summary.problems.append(str(error))
        self._baseline_unreadable = True

    def record(self) -> Json:
        """Return the verdicts as builtins, and whether they fail the session."""
        verdicts = [verdict.record() for verdict in self.verdicts()]
        return {"failed": self.failed, "verdicts": builtin(verdicts)}

    @property
    def failed(self) -> bool:
        """Whether a verdict, or an unreadable baseline, fails the session."""
        return self._gatekeeper.failed or self._baseline_unreadable
