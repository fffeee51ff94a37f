"""How many rounds an open verdict would take.

As many as find, in 95 of 100 sessions, the change that was seen, or one of 10 % where that was larger: what was seen in few
rounds is itself uncertain. The spread is taken at its upper 80 % bound for the same reason, and the level is the one that
Holm's correction leaves to the first of the gate's cells.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.verdicts.estimates import quantile

if TYPE_CHECKING:
    from greenbench.verdicts.records import Estimate

LEVEL, POWER, SAFE = 0.975, 0.95, 0.80
MOST = 1000
"""More rounds than this are not worth naming."""


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
    spread = _upper(one.spread, one.rounds - 1)
    enough = [n for n in (*range(2, 40), *_coarser(40)) if _finds(n, change, spread, one.fixed, cells)]
    return max(enough[0], one.rounds + 1) if enough else None


def machine_decides(one: Estimate) -> bool:
    """Whether what the machine itself changed is enough to leave a verdict open, however many rounds there are."""
    return (quantile(math.inf) + quantile(math.inf, POWER)) * one.fixed >= min(abs(one.margin), one.planned or math.inf)


def _coarser(start: int) -> list[int]:
    steps = [start]
    while steps[-1] < MOST:
        steps.append(math.ceil(steps[-1] * 1.1))
    return steps[:-1]


def _upper(spread: float, freedom: int) -> float:
    if freedom < 1:  # a guess that is wide already
        return spread
    from scipy.special import chdtri

    return spread * math.sqrt(freedom / float(chdtri(freedom, SAFE)))


def _finds(rounds: int, change: float, spread: float, fixed: float, cells: int) -> bool:
    freedom = rounds - 1
    factor = quantile(freedom, 1 - (1 - LEVEL) / max(1, cells)) + quantile(freedom, POWER)
    return factor * math.hypot(spread / math.sqrt(rounds), fixed) <= change
