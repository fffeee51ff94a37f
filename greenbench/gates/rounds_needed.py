"""How many rounds an open verdict would take.

As many as find, in 95 of 100 sessions, the change that was seen, or one of 10 % where that was larger: what was seen in few
rounds is itself uncertain. The spread is taken at its upper 90 % bound for the same reason, and the level is the one that
Holm's correction leaves to the first of the gate's cells.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

from greenbench.stats.autocorrelation import freedom, inflation, likeness
from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from greenbench.gates.verdict import Estimate

LEVEL, POWER, SAFE = 0.975, 0.95, 0.90
MOST = 2000
"""More rounds than this are not worth naming."""
COUNTS = (*range(2, 40), *(round(40 * 1.1**i) for i in range(42) if 40 * 1.1**i <= MOST))
"""Numbers of rounds that are tried: finer than a tenth would be more than anybody can know."""


def rounds_needed(one: Estimate, cells: int) -> int | None:
    """Return the rounds in all that would settle ``one`` among ``cells`` of its gate, were the truth what was seen.

    None where more than ``MOST`` would, or more rounds would not help.
    """
    return _enough(one, min(abs(one.margin), one.planned or math.inf), cells)


def rounds_worth(one: Estimate, cells: int) -> int | None:
    """Return the rounds that would find a change of 10 %, however near to the threshold the truth seems."""
    return _enough(one, one.planned, cells)


def _enough(one: Estimate, change: float, cells: int) -> int | None:
    if one.spread is None or not change:
        return None
    spread = _upper(one.spread, freedom(one.rounds, one.correlation))
    first = bisect.bisect_left(
        COUNTS, x=True, key=lambda n: _finds(n, change, spread, one, cells)
    )  # more rounds find more
    return max(COUNTS[first], one.rounds + 1) if first < len(COUNTS) else None


def machine_decides(one: Estimate) -> bool:
    """Whether what the machine itself changed is enough to leave a verdict open, however many rounds there are."""
    return (quantile(math.inf) + quantile(math.inf, POWER)) * one.fixed >= abs(one.margin)


def _upper(spread: float, known: float) -> float:
    if known <= 0:  # a guess that is wide already
        return spread
    from scipy.special import chdtri

    return spread * math.sqrt(known / float(chdtri(known, SAFE)))


def _finds(rounds: int, change: float, spread: float, one: Estimate, cells: int) -> bool:
    known = freedom(rounds, one.correlation)
    variance = spread**2 / rounds * _dependent(one, rounds)
    factor = quantile(known, 1 - (1 - LEVEL) / max(1, cells)) + quantile(known, POWER)
    return factor * math.hypot(math.sqrt(variance), one.fixed) <= change


def _dependent(one: Estimate, rounds: int) -> float:
    """Return the inflation at ``rounds``, of the spread that more rounds will show: few, being alike, show too little."""
    seen, then = (1 - likeness(n, one.correlation) for n in (one.rounds, rounds))
    return inflation(rounds, one.correlation) * then / seen
