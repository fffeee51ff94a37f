"""How much worse than V0's a score may be and still count as kept."""

from __future__ import annotations

import math

from greenbench.gates.default_limits import LOSS
from greenbench.results.consistency import score_range


def allowed_loss(score: str, v0: float | None = None) -> float:
    """Return the loss of ``score`` that may be if no other one is asked for; V0 has ``v0``."""
    return LOSS * scale_of(score, v0)


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
