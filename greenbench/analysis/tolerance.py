"""How much lower than V0's a score may be and still count as kept."""

from __future__ import annotations

from greenbench.results.consistency import SCORE_RANGES

KEEP = 0.02
"""Of scores up to 1; of those up to 100 it is a hundred times that."""


def allowed_loss(score: str) -> float:
    """Return the loss of ``score`` that is allowed unless another one is asked for."""
    _, best = SCORE_RANGES.get(score, (0.0, 1.0))
    return KEEP * best
