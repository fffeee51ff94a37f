"""How the cells of a run differ from the baseline V0, by the arithmetic of the gates.

A ratio of joules is what the gate ``energy <= 1*V0`` shows, a difference of scores what
``mcc >= V0-0`` shows: the same pairing of rounds, intervals and refusals, so that no table says
something else than a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.gates import score_margins
from greenbench.gates.comparability import SAME
from greenbench.gates.expression import Gate
from greenbench.gates.expression import metric as known_metric
from greenbench.gates.judging import judge
from greenbench.gates.metrics import Readings, readings
from greenbench.gates.references import References
from greenbench.results.reading import BASELINE, is_baseline

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.gates.expression import Form
    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.results.reading import CellRecord

PROVEN = "REGRESSED"
"""The outcome of a gate whose opposite is shown, after correction over cells."""
NO_INTERVAL = "NO-INTERVAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A metric of a cell relative to V0's: a ratio, or for scores a difference."""

    value: float
    low: float
    """Bounds of the 95 % confidence interval of this cell alone."""
    high: float
    neutral: float
    """The value of no change: 1 for a ratio, 0 for a difference."""
    rounds: int
    """Rounds that were compared: those of the cell, or of V0 if that has fewer, without a block
    that was left out as warm-up."""
    how: str
    """The method, in a few words."""
    significant: bool
    """Whether a change is shown after correction over the task's cells (for scores: whether
    the interval excludes 0)."""
    open_because: str = ""
    """Why no change is shown, and what would show one; empty for a change that is."""

    @property
    def excludes_no_change(self) -> bool:
        """Whether the interval of this cell alone lies on one side of no change."""
        return not self.low <= self.neutral <= self.high

    @property
    def is_lower(self) -> bool:
        """Whether the metric is shown to be lower than V0's."""
        return self.significant and self.value < self.neutral

    @property
    def is_higher(self) -> bool:
        """Whether the metric is shown to be higher than V0's."""
        return self.significant and self.value > self.neutral


@dataclass(frozen=True, slots=True, kw_only=True)
class NoChange:
    """Why a metric of a cell cannot be compared with V0's."""

    word: str
    """The gates' word: ``UNMEASURED``, ``MISSING``, ``DEGENERATE``, ..."""
    reason: str


def changes(
    metric: str,
    task: str,
    cells: Sequence[Measured],
    baseline: Measured | None = None,
    allow: Collection[str] = (),
    sessions: Mapping[str, Sequence[Measured]] | None = None,
) -> dict[str, Change | NoChange]:
    """Return, by id, how ``metric`` of each cell of ``task`` differs from V0's, but for V0 itself.

    V0 is found among ``cells``; ``baseline`` is one of an earlier session for runs without it.
    ``allow`` names differences to compare in spite of, as ``--green-allow`` does, and ``sessions``
    holds the cells of earlier sessions by id, which show how sessions differ. An A/A control is
    compared too: it shows how much V0 differs from itself.
    """
    of_task = {cell.id: cell for cell in cells if cell.record.task == task}
    known = sessions or {}
    against = References(
        earlier=lambda _name, _cell: baseline,
        sessions=lambda name: known.get(name, ()),
        allow=(*allow, SAME),
    )
    upper = judge(_gate(metric, task, "<="), of_task, against)
    lower: list[Verdict] = []
    if known_metric(metric).kind != "quality":
        lower = judge(_gate(metric, task, ">="), of_task, against)
    proven = {verdict.cell for verdict in (*upper, *lower) if verdict.outcome == PROVEN}
    reasons = {}
    for verdict in (*lower, *upper):
        if verdict.outcome == "INCONCLUSIVE" and verdict.cell not in proven:
            reasons[verdict.cell] = verdict.reason
    found: dict[str, Change | NoChange] = {}
    for verdict in upper:
        cell = of_task.get(verdict.cell)
        if cell is None:
            continue
        change = _change(verdict, proven=cell.id in proven)
        if isinstance(change, Change):
            rounds = verdict.rounds or _rounds(cell, of_task, baseline)
            change = replace(change, rounds=rounds, open_because=reasons.get(cell.id, ""))
        found[cell.id] = change
    return found


def mean(metric: str, task: str, cell: CellRecord) -> float | None:
    """Return the mean of a measured metric over a cell's rounds; None if one does not know it."""
    found = readings(_gate(metric, task, "<="), cell)
    return found.mean if isinstance(found, Readings) else None


def _gate(metric: str, task: str, operator: str) -> Gate:
    is_score = known_metric(metric).kind == "quality"
    form: Form = "difference" if is_score else "ratio"
    return Gate(
        text=f"{task}.{metric} {operator} {BASELINE}",
        task=task,
        metric=metric,
        operator=operator,
        form=form,
        number=0.0 if is_score else 1.0,
        reference=BASELINE,
    )


def _rounds(cell: Measured, cells: dict[str, Measured], baseline: Measured | None) -> int:
    """Return the fewer rounds of a cell and of the V0 that it is compared with."""
    numbers = [len(cell.record.rounds)]
    for other in cells.values():
        if is_baseline(other.record.variant):
            numbers.append(len(other.record.rounds))
            break
    else:
        if baseline is not None:
            numbers.append(len(baseline.record.rounds))
    return min(numbers)


def _change(verdict: Verdict, *, proven: bool) -> Change | NoChange:
    if verdict.change is None:
        return NoChange(word=verdict.outcome, reason=verdict.reason)
    neutral = 1.0 if verdict.form == "ratio" else 0.0
    if verdict.low is None or verdict.high is None or _has_no_interval(verdict):
        return NoChange(word=NO_INTERVAL, reason="its 95 % confidence interval is unknown")
    significant = proven
    if verdict.form == "difference":
        significant = not verdict.low <= neutral <= verdict.high
    return Change(
        value=verdict.change,
        low=verdict.low,
        high=verdict.high,
        neutral=neutral,
        rounds=verdict.rounds or 0,
        how=verdict.how,
        significant=significant,
    )


def _has_no_interval(verdict: Verdict) -> bool:
    """Whether a score was compared without any interval."""
    return verdict.how == score_margins.NO_INTERVAL
