"""How many rounds would settle an inconclusive verdict.

So many that the observed change, or one of 10 % if that is smaller, is detected with a power of
95 %: a change observed in few rounds is itself uncertain. Where no number of rounds does that, the
observed change alone counts. The spread of rounds is taken at its upper 90 % bound, and the level
is the one that Holm's correction leaves to the first of the gate's cells.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

from greenbench.stats.autocorrelation import freedom, inflation, likeness
from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from greenbench.gates.verdict import Estimate

LEVEL = 0.975
POWER = 0.95
BOUND = 0.90
"""Level of the upper bound at which the spread of rounds is taken."""
MOST = 2000
"""The most rounds that are proposed."""
COUNTS = (*range(2, 40), *(round(40 * 1.1**i) for i in range(42) if 40 * 1.1**i <= MOST))
"""Numbers of rounds that are tried, in steps of a tenth: the spread is not known more precisely."""


def rounds_needed(estimate: Estimate, cells: int) -> int | None:
    """Return the total rounds that would settle one of ``cells`` if its true change is as observed.

    None if more than ``MOST`` would, or if more rounds would not help.
    """
    observed = abs(estimate.margin)
    careful = _enough(estimate, min(observed, estimate.planned or math.inf), cells)
    return careful or _enough(estimate, observed, cells)


def rounds_worth(estimate: Estimate, cells: int) -> int | None:
    """Return the total rounds that detect a change of 10 %, however small the observed one is."""
    return _enough(estimate, estimate.planned, cells)


def _enough(estimate: Estimate, change: float, cells: int) -> int | None:
    if estimate.spread is None or not change:
        return None
    spread = _upper_bound(estimate.spread, _freedom(estimate.rounds, estimate))

    def detects(rounds: int) -> bool:
        return _least_change(rounds, spread, estimate, cells) <= change

    # More rounds detect more.
    first = bisect.bisect_left(COUNTS, x=True, key=detects)
    return max(COUNTS[first], estimate.rounds + 1) if first < len(COUNTS) else None


def machine_decides(estimate: Estimate) -> bool:
    """Whether the drift of the machine alone would leave a verdict inconclusive."""
    factor = quantile(math.inf) + quantile(math.inf, POWER)
    return factor * estimate.fixed >= abs(estimate.margin)


def _freedom(rounds: int, estimate: Estimate) -> float:
    """Return the degrees of freedom of the spread of so many rounds."""
    return estimate.pooled * freedom(rounds, estimate.correlation)


def _upper_bound(spread: float, known: float) -> float:
    """Return the upper bound of a standard deviation with ``known`` degrees of freedom."""
    if known <= 0:  # of one round: an assumption that is wide already
        return spread
    from scipy.special import chdtri

    return spread * math.sqrt(known / float(chdtri(known, BOUND)))


def _least_change(rounds: int, spread: float, estimate: Estimate, cells: int) -> float:
    """Return the smallest change that so many rounds detect with the power ``POWER``."""
    known = _freedom(rounds, estimate)
    variance = spread**2 / rounds * _dependence(estimate, rounds)
    level = 1 - (1 - LEVEL) / max(1, cells)
    factor = quantile(known, level) + quantile(known, POWER)
    return factor * math.hypot(math.sqrt(variance), estimate.fixed)


def _dependence(estimate: Estimate, rounds: int) -> float:
    """Return the inflation of the variance of the mean of so many rounds.

    It is relative to the spread of the rounds so far: few of them are alike and show too little.
    """
    seen = 1 - likeness(estimate.rounds, estimate.correlation)
    then = 1 - likeness(rounds, estimate.correlation)
    return inflation(rounds, estimate.correlation) * then / seen
