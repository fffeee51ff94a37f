"""What a report of results is made of: the newest cells, how they compare, and what they say.

Page and charts read this alone, so that both say the same of the same cells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from greenbench.errors import UsageError
from greenbench.gates import runs
from greenbench.gates.changes import changes
from greenbench.report.comparison import compare
from greenbench.report.names import ShortNames
from greenbench.results.loading import results_files
from greenbench.results.reading import is_baseline
from greenbench.results.sweep_files import load_sweeps
from greenbench.search.recorded import recorded_searches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.knob_ranking import KnobRanking
    from greenbench.analysis.sessions import AnalysedSession
    from greenbench.gates.changes import Change, NoChange
    from greenbench.gates.verdict import Measured
    from greenbench.report.comparison import TaskComparison
    from greenbench.results.reading import CellRecord
    from greenbench.results.sweep_files import SweepRecord
    from greenbench.search.recorded import RecordedSearch

ChangesById: TypeAlias = "Mapping[str, Change | NoChange]"
ONE_KNOB = "K0_"
"""What the variants begin with that ``--green-knob`` makes."""
DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """One results folder, results file, saved run or session, read once for all of a report."""

    name: str
    """The path as it was given, or ``this session``."""
    cells: tuple[Measured, ...]
    """The newest of each cell, by task, V0 first."""
    older: tuple[Measured, ...]
    """Cells of a folder's earlier sessions, which newer ones took the place of."""
    comparisons: tuple[TaskComparison, ...]
    """The cells of each task beside V0."""
    analyses: tuple[TaskAnalysis, ...]
    """All sessions together, a task each; one with a ``refusal`` says why nothing is analysed."""
    rankings: tuple[KnobRanking, ...]
    """Of the tasks whose knobs were measured one at a time."""
    names: ShortNames
    sweeps: tuple[SweepRecord, ...] = ()
    """Power sweeps in the folder, the newest of each cell."""
    searches: tuple[RecordedSearch, ...] = ()
    """Searches whose journals are in the folder."""
    disagreements: str = ""
    """Which counters contradict the joules of a run on many machines; empty if none does."""
    _changes: dict[tuple[str, str], ChangesById] = field(default_factory=dict, repr=False)

    @property
    def records(self) -> tuple[CellRecord, ...]:
        """The records of ``cells``."""
        return tuple(measured.record for measured in self.cells)

    def changes(self, metric: str, task: str) -> ChangesById:
        """Return how a metric of each cell differs from V0's; drawings of any width share it."""
        key = metric, task
        if key not in self._changes:
            self._changes[key] = changes(metric, task, self.cells)
        return self._changes[key]

    def analysis(self, task: str) -> TaskAnalysis | None:
        """Return what is analysed of ``task``; None if nothing is."""
        for one in self.analyses:
            if one.task == task and not one.refusal:
                return one
        return None


def read_report_data(path: Path, allow: Collection[str] = ()) -> ReportData:
    """Read ``path`` and compare and analyse its cells.

    ``allow`` names differences to compare in spite of, as ``--green-allow`` does. Raises UsageError
    where ``greenbench compare`` would: for what is no results file, and for what contradicts
    itself. A folder needs no results file if power sweeps or journals of searches are in it.
    """
    if not path.is_dir():
        return _of_run(path, allow)
    sweeps, searches = load_sweeps(path), recorded_searches(path)
    if (sweeps or searches) and not results_files(path):
        data = report_data(str(path), ())
    else:
        data = _of_run(path, allow)
    return replace(data, sweeps=sweeps, searches=searches)


def _of_run(path: Path, allow: Collection[str]) -> ReportData:
    run = runs.read(path, as_baseline=False)
    data = report_data(str(path), tuple(run.cells.values()), older=run.older, allow=allow)
    return replace(data, disagreements=run.disagreements)


def report_data(
    name: str,
    cells: Sequence[Measured],
    *,
    older: Sequence[Measured] = (),
    earlier: Sequence[Measured] = (),
    allow: Collection[str] = (),
) -> ReportData:
    """Compare and analyse ``cells`` that are in memory; the rest is as in ``ReportData``.

    ``earlier`` holds V0 of an earlier session for tasks that ``cells`` lack it of.
    """
    ordered = sorted(cells, key=_order)
    variants = [cell for cell in ordered if cell.record.variant]
    by_id = runs.by_id([*variants, *older])
    sessions = _sessions([*_apart(variants), *older])
    return ReportData(
        name=name,
        cells=tuple(ordered),
        older=tuple(older),
        comparisons=tuple(compare(variants, earlier, allow, by_id)),
        analyses=_analyses(sessions, allow),
        rankings=_rankings(sessions, ordered),
        names=ShortNames(cell.id for cell in ordered),
    )


def _apart(cells: Iterable[Measured]) -> Iterator[Measured]:
    """Yield cells session by session: those of a run on many machines are of several."""
    for cell in cells:
        yield from cell.apart or (cell,)


def _sessions(cells: Iterable[Measured]) -> list[AnalysedSession]:
    from greenbench.analysis.sessions import sessions_of

    try:
        return sessions_of(cells)
    except UsageError:  # two files have one cell of one session
        return []


def _analyses(
    sessions: Sequence[AnalysedSession], allow: Collection[str]
) -> tuple[TaskAnalysis, ...]:
    from greenbench.analysis.analyse import analyse_sessions
    from greenbench.analysis.evidence import tasks_of

    return analyse_sessions(sessions, tasks_of(sessions), allow)


def _rankings(
    sessions: Sequence[AnalysedSession], cells: Sequence[Measured]
) -> tuple[KnobRanking, ...]:
    from greenbench.analysis.knob_ranking import rank

    tasks: dict[str, None] = {}
    for measured in cells:
        if measured.record.variant.startswith(ONE_KNOB):
            tasks[measured.record.task] = None
    return tuple(rank(task, sessions) for task in tasks)


def _order(cell: Measured) -> tuple[str, bool, list[tuple[int, str]]]:
    """Sort by task, V0 first, then by the numbers in the id: V2 comes before V10."""
    parts = []
    for part in DIGITS.split(cell.id):
        parts.append((int(part[:18]), "") if part.isdecimal() else (-1, part))
    return cell.record.task, not is_baseline(cell.record.variant), parts
