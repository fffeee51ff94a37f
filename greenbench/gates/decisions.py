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
from greenbench.stats.looks import MOST_BLOCKS
from greenbench.stats.many_tests import OneTest, stepped_down
from greenbench.stats.student import ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.between_sessions import SessionGap
    from greenbench.gates.expression import Gate
    from greenbench.gates.interleaved import CellPair
    from greenbench.gates.verdict import Estimate, Verdict
    from greenbench.stats.looks import Look


@dataclass(frozen=True, slots=True)
class OpenCell:
    """A cell that can be judged: its verdict without the outcome, and its estimate."""

    verdict: Verdict
    estimate: Estimate
    pair: CellPair | None = None
    """The cell and its reference, if both were measured round by round."""
    gap: SessionGap | None = None
    """What lies between their two sessions; None in one session, and where V0 is the control."""
    look: Look | None = None
    """At this cell, if its session looked at its blocks again and again."""
    look_there: Look | None = None
    """The last one at the reference, if another session did."""

    @property
    def level(self) -> float:
        """The level of the one-sided p-value, as of each end of the interval."""
        level = ALPHA
        for look in self._looks:
            level = min(level, look.level)
        return level

    @property
    def p(self) -> float:
        """Its one-sided p-value; a repeated one if there were looks."""
        own = p = chance(self.estimate)
        for look in self._looks:
            p = max(p, look.repeated(own))
        return p

    @property
    def repeated(self) -> str:
        """What is said of its interval: over which looks it is a repeated one; else nothing."""
        texts = []
        if self.look is not None:
            texts.append(self.look.text)
        if self.look_there is not None:
            texts.append(f"{self.look_there.text} of the reference")
        if not texts:
            return ""
        looks = " and ".join(texts)
        return f"repeated 95 % interval {looks}"

    @property
    def _looks(self) -> list[Look]:
        return [look for look in (self.look, self.look_there) if look is not None]


def decide(
    gate: Gate, open_cells: Sequence[OpenCell], *, same_cells: bool, settled: Sequence[float] = ()
) -> list[Verdict]:
    """Return the verdicts on the cells of ``gate``, in their order.

    ``same_cells`` says whether the saved run has the same cells, and not other variants;
    ``settled`` are the p-values of cells of this gate that are settled already.
    """
    # Only ratios to the saved run: margins in joules would be as large as their cells.
    unchanged = same_cells and gate.reference == SAVED and gate.form == "ratio"
    open_cells = _corrected(open_cells, unchanged=unchanged)
    tests = [*map(OneTest, settled), *map(_test, open_cells)]
    chances = stepped_down(tests)
    verdicts = []
    for cell, p in zip(open_cells, chances[len(settled) :], strict=True):
        verdict = replace(_with_change(cell.verdict, cell.estimate), p=p)
        verdicts.append(_decide(gate, _with_look(verdict, cell), cell, len(chances)))
    return verdicts


def _test(cell: OpenCell) -> OneTest:
    """Return the test of a cell; what cells share counts where each is looked at once."""
    if cell.repeated:
        return OneTest(cell.p)
    estimate = cell.estimate
    return OneTest(cell.p, estimate.control, estimate.part, estimate.freedom)


def _corrected(open_cells: Sequence[OpenCell], *, unchanged: bool) -> list[OpenCell]:
    """Return cells with the uncertainty of dependent rounds, of sessions, and of looks."""
    uncorrected = [cell.estimate for cell in open_cells]
    estimates = dependence.corrected(uncorrected, unchanged=unchanged)
    corrected = []
    for place, cell in enumerate(open_cells):
        if cell.gap is not None:
            estimates[place] = widened(estimates[place], cell.gap, len(open_cells))
        estimate = replace(estimates[place], left_out=cell.level)
        corrected.append(replace(cell, estimate=estimate))
    return corrected


def _with_look(verdict: Verdict, cell: OpenCell) -> Verdict:
    """Return ``verdict`` with the look that it stands on, if there are several."""
    if cell.repeated and (cell.estimate.below or cell.estimate.above):
        verdict = replace(verdict, how=f"{verdict.how}, {cell.repeated}")
    if cell.look is None:
        return verdict
    return replace(verdict, blocks=cell.look.blocks, most_blocks=cell.look.most)


def _with_change(verdict: Verdict, estimate: Estimate) -> Verdict:
    """Return ``verdict`` with the observed change, its interval if bounded, and the method."""
    verdict = replace(verdict, change=estimate.shown(estimate.margin), how=estimate.how)
    if estimate.spread is not None:
        verdict = replace(verdict, rounds=estimate.rounds)
    between = estimate.between_hosts
    if between is not None:
        relative = math.expm1(between) if verdict.form == "ratio" else between
        verdict = replace(verdict, between_hosts=relative)
    ends = bounds(estimate)
    if not all(abs(end) < math.inf for end in ends):
        return verdict
    low, high = sorted(map(estimate.shown, ends))
    if math.isinf(high):  # a stated uncertainty of a thousand times the value bounds no ratio
        return verdict
    return replace(verdict, low=low, high=high)


def _decide(gate: Gate, verdict: Verdict, cell: OpenCell, cells: int) -> Verdict:
    """Return ``verdict`` with its outcome; it is about one of ``cells`` of a gate."""
    estimate = cell.estimate
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
        reason = f"significant by itself, but not after the correction over {cells} cells"
    else:
        repeated = "repeated " if cell.repeated else ""
        reason = f"the {repeated}95 % confidence interval contains the threshold"
    needed = rounds_needed(estimate, cells)
    worth = None if needed else rounds_worth(estimate, cells)
    remedy = _remedy(estimate, needed, worth, _option(cell, needed or worth))
    return replace(verdict, rounds_needed=needed or worth, reason=f"{reason}; {remedy}")


def _option(cell: OpenCell, rounds: int | None) -> str:
    """Return the option that asks for so many rounds, as far as it takes them."""
    if cell.look is None or rounds is None:
        return "rounds"
    if rounds > MOST_BLOCKS:
        return "rounds"
    return "until-sure"


def _meets(gate: Gate, margin: float) -> bool:
    """Whether a margin without any uncertainty meets the gate."""
    return margin > 0 or (margin == 0 and "=" in gate.operator)


def _remedy(estimate: Estimate, needed: int | None, worth: int | None, option: str) -> str:
    """Say what would settle an inconclusive verdict, and which option asks for it."""
    if needed is not None:
        return f"about {needed:,} rounds would settle it (--green-{option} {needed})"
    if worth is not None:
        close = f"too close to resolve in {MOST:,} rounds"
        detected = f"a {100 * WORTH:.0f} % change with {100 * POWER:.0f} % power"
        return f"{close}; {worth:,} detect {detected} (--green-{option} {worth})"
    if estimate.spread is None:
        return "more test examples would settle it, more rounds would not"
    if machine_decides(estimate):
        uncertain = "the joules themselves are too uncertain"
        if estimate.machine:
            share = f"{100 * estimate.fixed:.1f} %"
            uncertain = f"the machine itself, {estimate.machine}, is uncertain by {share}"
        return f"more rounds would not settle it: {uncertain}"
    return f"{MOST:,} rounds would not settle it: rounds differ too much"
