"""Decides the cells of one gate together, from their margins and the uncertainty of these."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.gates import dependence
from greenbench.gates.between_sessions import widened
from greenbench.gates.expression import SAVED
from greenbench.gates.margins import WORTH, bounds, chance
from greenbench.gates.rounds_needed import MOST, POWER, machine_decides, rounds_needed, rounds_worth
from greenbench.stats import student

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.between_sessions import SessionGap
    from greenbench.gates.expression import Gate
    from greenbench.gates.interleaved import CellPair
    from greenbench.gates.verdict import Estimate, Verdict

ALPHA = 0.025
"""Level of the one-sided p-value, as of the ends of a 95 % confidence interval."""


@dataclass(frozen=True, slots=True)
class OpenCell:
    """A cell that can be judged: its verdict without the outcome, and its estimate."""

    verdict: Verdict
    estimate: Estimate
    pair: CellPair | None = None
    """The cell and its reference, if both were measured round by round."""
    gap: SessionGap | None = None
    """What lies between their two sessions; None in one session, and where V0 is the control."""


def decide(gate: Gate, open_cells: Sequence[OpenCell], *, same_cells: bool) -> list[Verdict]:
    """Return the verdicts on the cells of ``gate``, in their order.

    ``same_cells`` says whether the saved run has the same cells, and not other variants.
    """
    # Only ratios to the saved run: margins in joules would be as large as their cells.
    unchanged = same_cells and gate.reference == SAVED and gate.form == "ratio"
    uncorrected = [open_cell.estimate for open_cell in open_cells]
    estimates = dependence.corrected(uncorrected, unchanged=unchanged)
    for place, cell in enumerate(open_cells):
        if cell.gap is not None:
            estimates[place] = widened(estimates[place], cell.gap, len(open_cells))
    chances = student.holm([chance(estimate) for estimate in estimates])
    verdicts = []
    for open_cell, estimate, p in zip(open_cells, estimates, chances, strict=True):
        verdict = replace(_with_change(open_cell.verdict, estimate), p=p)
        verdicts.append(_decide(gate, verdict, estimate, len(open_cells)))
    return verdicts


def _with_change(verdict: Verdict, estimate: Estimate) -> Verdict:
    """Return ``verdict`` with the observed change, its interval if bounded, and the method."""
    verdict = replace(verdict, change=estimate.shown(estimate.margin), how=estimate.how)
    ends = bounds(estimate)
    if not all(abs(end) < math.inf for end in ends):
        return verdict
    low, high = sorted(map(estimate.shown, ends))
    if math.isinf(high):  # a stated uncertainty of a thousand times the value bounds no ratio
        return verdict
    return replace(verdict, low=low, high=high)


def _decide(gate: Gate, verdict: Verdict, estimate: Estimate, cells: int) -> Verdict:
    """Return ``verdict`` with its outcome; it is about one of ``cells`` of a gate."""
    if not estimate.above and not estimate.below and not estimate.unknown:
        return replace(verdict, outcome="PASS" if _meets(gate, estimate.margin) else "REGRESSED")
    low, high = bounds(estimate)
    if low >= 0:
        return replace(verdict, outcome="PASS")
    significant = verdict.p is not None and verdict.p <= ALPHA
    if high < 0 and significant:
        return replace(verdict, outcome="REGRESSED")
    if estimate.unknown and abs(estimate.margin) <= estimate.unknown:
        return replace(verdict, reason=estimate.open_because)
    # Beyond the bound the rest is as if the bound had been used up.
    sure = math.copysign(abs(estimate.margin) - estimate.unknown, estimate.margin)
    estimate = replace(estimate, margin=sure, unknown=0.0)
    if high < 0:
        reason = f"significant by itself, but not after Holm's correction over {cells} cells"
    else:
        reason = "the 95 % confidence interval contains the threshold"
    needed = rounds_needed(estimate, cells)
    worth = None if needed else rounds_worth(estimate, cells)
    remedy = _remedy(estimate, needed, worth)
    return replace(verdict, rounds_needed=needed or worth, reason=f"{reason}; {remedy}")


def _meets(gate: Gate, margin: float) -> bool:
    """Whether a margin without any uncertainty meets the gate."""
    return margin > 0 or (margin == 0 and "=" in gate.operator)


def _remedy(estimate: Estimate, needed: int | None, worth: int | None) -> str:
    """Say what would settle an inconclusive verdict."""
    if needed is not None:
        return f"about {needed:,} rounds would settle it (--green-rounds {needed})"
    if worth is not None:
        close = f"too close to resolve in {MOST:,} rounds"
        detected = f"a {100 * WORTH:.0f} % change with {100 * POWER:.0f} % power"
        return f"{close}; {worth:,} detect {detected} (--green-rounds {worth})"
    if estimate.spread is None:
        return "more test examples would settle it, more rounds would not"
    if machine_decides(estimate):
        uncertain = "the joules themselves are too uncertain"
        if estimate.machine:
            share = f"{100 * estimate.fixed:.1f} %"
            uncertain = f"the machine itself, {estimate.machine}, is uncertain by {share}"
        return f"more rounds would not settle it: {uncertain}"
    return f"{MOST:,} rounds would not settle it: rounds differ too much"
