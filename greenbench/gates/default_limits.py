"""How much worse a score may be where nobody says: in the unit of the score.

A score with a best value, like an accuracy or BLEU, may fall by 2 % of that value. One without,
like an error in euros, may be worse by 2 % of the reference's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.results.consistency import score_range

if TYPE_CHECKING:
    from collections.abc import Sequence

LOSS = 0.02
"""Of a score's best value, else of the reference's."""


def limit(score: str, reference: str, known: Sequence[float] = (), *, higher: bool) -> str:
    """Return the condition that ``score`` is hardly worse than a reference's: ``>= saved-0.02``.

    ``higher`` is whether more of it is better, ``known`` are the reference's values as far as any
    are. A ratio to one that is not above zero means nothing, so beside such a value the share is
    that of the largest one; of zero it is taken as of 1.
    """
    operator, sign = ("<=", "+")
    factor = 1 + LOSS
    if higher:
        operator, sign = (">=", "-")
        factor = 1 - LOSS
    _, best = score_range(score)
    if higher and math.isfinite(best):
        loss = LOSS * best
        return f"{operator} {reference}{sign}{loss:.3g}"
    if all(value > 0 for value in known):
        return f"{operator} {factor:g}*{reference}"
    largest = max(map(abs, known))
    loss = LOSS * (largest or 1)
    return f"{operator} {reference}{sign}{loss:.3g}"
