"""Judges a gate over the cells of a run: one verdict each.

What cannot be judged is refused, and a refusal fails. PASS and REGRESSED need proof. For REGRESSED
the 95 % confidence interval lies beyond the threshold, and the one-sided p-value is significant,
corrected over the gate's cells (``stats.many_tests``), so that a gate on many cells raises a false
alarm in at most 2.5 of 100 sessions. For PASS the interval lies on the right side. Everything
between is INCONCLUSIVE.
"""

from __future__ import annotations

import functools
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

from greenbench.gates import decisions, margins, score_margins
from greenbench.gates.between_sessions import gap
from greenbench.gates.comparability import SAME, refusal
from greenbench.gates.decisions import OpenCell
from greenbench.gates.expression import SAVED
from greenbench.gates.interleaved import (
    CellPair,
    Side,
    block_estimates,
    why_no_control,
    why_without_control,
)
from greenbench.gates.metrics import Readings, observed
from greenbench.gates.references import GateReferences, display_name, is_named
from greenbench.gates.sequential import Standing
from greenbench.gates.verdict import Verdict, judged
from greenbench.results.reading import is_baseline, is_control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.gates.between_sessions import SessionGap
    from greenbench.gates.expression import Gate
    from greenbench.gates.references import References
    from greenbench.gates.verdict import Estimate, Measured, Outcome

COPY = (
    "it sets nothing, so it is V0 again, and no difference is its own (--green-allow same judges "
    "it all the same, as an A/A control)"
)
NO_COMMON_BLOCK = (
    "no session of the run measured both, and what machines of a run measured is compared within a "
    "session alone: measure a block of both"
)
SEVERAL_HOSTS = (
    "one of the two runs measured its blocks on several hosts, and what hosts measured is compared "
    "within a session alone: gate on V0 of the run itself"
)
TIME_RATES = {"operations_per_second": "reference kernel", "bytes_per_second": "memory kernel"}
ENERGY_RATES = {"operations_per_joule": "reference kernel", "bytes_per_joule": "memory kernel"}
ENERGY_RATES_OF_SLOW_COUNTERS = {
    "operations_per_joule": "reference kernel",
    "bytes_per_second": "memory kernel",
}
"""The memory kernel's windows are too short for NVML's counters: its seconds stand for joules."""
UNKNOWN_DRIFT = 0.02
"""Standard uncertainty of a ratio by what an unmonitored machine changes between two sessions.

A machine with a reference kernel changed by that much from hour to hour."""


def judge(
    gate: Gate,
    cells: Mapping[str, Measured],
    references: References,
    standing: Standing | None = None,
) -> list[Verdict]:
    """Return a verdict for each cell that ``gate`` is about, and for each that is missing.

    There is at least one: a gate that is about no cell at all is MISSING. ``standing`` is what
    earlier looks at the same session said; it takes in what further ones say.
    """
    gate = _with_tasks(gate, cells)
    names = []
    for name, cell in cells.items():
        if gate.applies(cell.record.task) and not is_named(cell, gate.reference):
            names.append(name)

    def examine(some: Sequence[str], among: Mapping[str, Measured]) -> list[Verdict | OpenCell]:
        known = GateReferences(gate, among, references)
        examined = [_examine(gate, among[name], known) for name in some]
        return _in_blocks(gate, examined, among, references)

    def decide(open_cells: Sequence[OpenCell], settled: Sequence[float]) -> list[Verdict]:
        same = references.same_cells
        return decisions.decide(gate, open_cells, same_cells=same, settled=settled)

    standing = Standing() if standing is None else standing
    standing.look(names, cells, examine, decide)
    verdicts = [standing.verdicts[name] for name in names]
    verdicts += _missing(gate, cells, references)
    if not verdicts:
        task = f" in {gate.task}" if gate.task else ""
        reason = f"no cell of this run has {gate.metric}{task}"
        verdicts.append(judged(gate, "-", "MISSING", reason))
    return verdicts


def _with_tasks(gate: Gate, cells: Mapping[str, Measured]) -> Gate:
    """Return a gate on a score with the tasks that have it, as far as their cells tell.

    A task whose cells have no score at all, as all failed, is judged too, and refused.
    """
    if gate.about.kind != "quality" or gate.task or gate.tasks is not None:
        return gate
    having: dict[str, bool] = {}
    scored: set[str] = set()
    for cell in cells.values():
        record = cell.record
        having[record.task] = having.get(record.task, False) or gate.metric in record.quality
        if record.quality:
            scored.add(record.task)
    if not any(having.values()):
        return gate
    tasks = [task for task, has_it in having.items() if has_it or task not in scored]
    return replace(gate, tasks=tuple(tasks))


def _in_blocks(
    gate: Gate,
    examined: Sequence[Verdict | OpenCell],
    cells: Mapping[str, Measured],
    references: References,
) -> list[Verdict | OpenCell]:
    """Return ``examined`` cells, with what their blocks show where they ran in blocks."""
    pairs = []
    for cell in examined:
        if isinstance(cell, OpenCell) and cell.pair is not None:
            pairs.append(cell.pair)
    estimates = block_estimates(gate, pairs, cells, references.saved)

    @functools.cache
    def why_not(task: str) -> str:
        return why_no_control(gate, task, cells, references.saved or {})

    in_blocks: list[Verdict | OpenCell] = []
    for cell in examined:
        if isinstance(cell, Verdict):
            in_blocks.append(cell)
            continue
        if cell.verdict.cell in estimates:
            in_blocks.append(replace(cell, estimate=estimates[cell.verdict.cell]))
            continue
        reason = _across_hosts(gate, cell.pair)
        if reason:
            in_blocks.append(replace(cell.verdict, outcome="NOT-COMPARABLE", reason=reason))
        else:
            in_blocks.append(replace(cell, gap=_gap(gate, cell.pair, why_not, references)))
    return in_blocks


def _across_hosts(gate: Gate, pair: CellPair | None) -> str:
    """Say why a cell without an estimate of its blocks would be held against other machines."""
    if pair is None or gate.about.kind not in {"energy", "time"}:
        return ""
    if pair.of_a_fleet:
        return NO_COMMON_BLOCK
    return SEVERAL_HOSTS if pair.spans_hosts else ""


def _gap(
    gate: Gate, pair: CellPair | None, why_not: Callable[[str], str], references: References
) -> SessionGap | None:
    """Return what lies between two sessions; None in one, and for what no machine changes.

    ``why_not`` says why V0 is no control of a task.
    """
    if pair is None or pair.same_session or references.in_turns:
        return None
    if gate.about.kind not in {"energy", "time"}:
        return None
    record = pair.here.cell.record
    why = why_without_control(gate, pair) or why_not(record.task)
    return gap(gate, pair, why, references.sessions(record.id), references.allow)


def _missing(gate: Gate, cells: Mapping[str, Measured], references: References) -> list[Verdict]:
    """Refuse the cells that were selected, and those of the compared run, that left no record."""
    reasons = {}
    for name in references.expected:
        if name not in cells:
            reasons[name] = "it was selected and left no record"
    if gate.reference == SAVED or not references.same_cells:
        for name, reason in references.gone.items():
            reasons.setdefault(name, reason)
    verdicts = []
    for name, reason in reasons.items():
        task = "" if "::" in name else name.partition("-")[0]  # plain functions have none
        if gate.applies(task):
            verdicts.append(judged(gate, name, "MISSING", reason))
    return verdicts


def _examine(gate: Gate, cell: Measured, references: GateReferences) -> Verdict | OpenCell:
    """Return the verdict on a cell that cannot be judged, else its estimate."""
    flaw = cell.record.flaw
    if flaw:
        return judged(gate, cell.id, cast("Outcome", flaw.verdict), flaw.reason)
    if gate.reference is None:
        return _compare(gate, cell, None, references)
    other = references.of(cell)
    if isinstance(other, Verdict):
        return other
    if _is_copy(cell, other) and SAME not in references.allow:
        return judged(gate, cell.id, "NO-EFFECT", COPY)
    flaw = other.record.flaw
    if flaw:
        reason = f"{other.id} of {other.origin}: {flaw.reason}"
        return judged(gate, cell.id, cast("Outcome", flaw.verdict), reason)
    return _compare(gate, cell, other, references)


def _is_copy(cell: Measured, other: Measured) -> bool:
    """Whether a cell is an A/A control that is compared with V0 itself."""
    return is_control(cell.record) and is_baseline(other.record.variant)


def _compare(
    gate: Gate, cell: Measured, other: Measured | None, references: GateReferences
) -> Verdict | OpenCell:
    """Compare a cell with its reference, or with a number if ``other`` is None."""
    here = observed(gate, cell.record)
    if isinstance(here, str):
        return judged(gate, cell.id, "UNMEASURED", here)
    verdict = judged(gate, cell.id, "INCONCLUSIVE", here=_mean(here))
    look = cell.look
    if other is None:
        return OpenCell(verdict, _estimate(gate, cell, here), look=look)
    there = references.observed(other)
    if isinstance(there, str):
        return judged(gate, cell.id, "UNMEASURED", f"{display_name(other)}: {there}")
    verdict = replace(verdict, there=_mean(there), reference=display_name(other))
    reason = refusal(cell, other, gate, references.allow)
    if reason:
        return replace(verdict, outcome="NOT-COMPARABLE", reason=reason)
    try:
        estimate = _estimate(gate, cell, here, other, there)
    except ValueError as error:
        return replace(verdict, outcome="NOT-COMPARABLE", reason=str(error))
    of_other = None if _same_session(cell, other) else other.look
    pair = _pair(cell, here, other, there)
    return OpenCell(verdict, estimate, pair, look=look, look_there=of_other)


def _pair(
    cell: Measured, here: Readings | float, other: Measured, there: Readings | float
) -> CellPair | None:
    """Return both sides if they were measured round by round."""
    if not isinstance(here, Readings) or not isinstance(there, Readings):
        return None
    return CellPair(Side(cell, here), Side(other, there), _same_session(cell, other))


def _mean(values: Readings | float) -> float:
    return values.mean if isinstance(values, Readings) else values


def _estimate(
    gate: Gate,
    cell: Measured,
    here: Readings | float,
    other: Measured | None = None,
    there: Readings | float | None = None,
) -> Estimate:
    """Return the margin of a cell; raises ValueError for a ratio that means nothing."""
    if not isinstance(here, Readings):
        return score_margins.estimate(gate, cell.record, other.record if other else None)
    if other is None or not isinstance(there, Readings):
        return margins.estimate(gate, here, None)
    if _same_session(cell, other):
        return margins.estimate(gate, here, there)
    drift = _drift(gate, cell, other)
    estimate = margins.estimate(gate, here, there, drift.size)
    return replace(estimate, machine=drift.shown_by)


def _same_session(cell: Measured, other: Measured) -> bool:
    if cell.header is other.header:
        return True
    session = cell.header.session_id
    return session is not None and session == other.header.session_id


class Drift(NamedTuple):
    """By how much a machine changed between two sessions, as a fraction."""

    size: float
    shown_by: str
    """What shows it, in a few words."""


def _drift(gate: Gate, cell: Measured, other: Measured) -> Drift:
    """Return by how much the rate of a reference kernel changed, of the one that changed more.

    It counts as a standard uncertainty of the ratio; without a kernel ``UNKNOWN_DRIFT`` does.
    """
    if gate.about.kind not in {"energy", "time"}:
        return Drift(0.0, "")
    sides = (cell.record, other.record)
    rates = TIME_RATES
    if gate.about.kind == "energy":
        rates = ENERGY_RATES
        if not all(side.kernel_rates("bytes_per_joule") for side in sides):
            rates = ENERGY_RATES_OF_SLOW_COUNTERS
    known = []
    for name, kernel in rates.items():
        ours, theirs = (side.kernel_rates(name) for side in sides)
        if ours and theirs:
            change = abs(statistics.fmean(ours) / statistics.fmean(theirs) - 1)
            known.append(Drift(change, f"by its {kernel}"))
    if not known:
        return Drift(UNKNOWN_DRIFT, "which no reference kernel watched")
    return max(known)
