"""How much worse than V0's a score may be and still count as kept."""

from __future__ import annotations

import math

from greenbench.results.consistency import score_range

KEEP = 0.02
"""Of scores up to 1; of those up to 100 it is a hundred times that, of those without a best value,
like an error in euros, the share of V0's."""


def allowed_loss(score: str, v0: float | None = None) -> float:
    """Return the loss of ``score`` that may be if no other one is asked for; V0 has ``v0``."""
    return KEEP * scale_of(score, v0)


def scale_of(score: str, v0: float | None = None) -> float:
    """Return the best value of ``score``, or V0's if there is no best one."""
    if is_share(score):
        return abs(v0) if v0 else 1.0
    _, best = score_range(score)
    return best


def is_share(score: str) -> bool:
    """Whether the loss of ``score`` is a share of V0's, since no largest value is known."""
    _, best = score_range(score)
    return math.isinf(best)
