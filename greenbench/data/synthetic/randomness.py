"""The biased coin that the generators of synthetic code flip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def happens(rng: Random, probability: float) -> bool:
    """Whether an event of the given probability happens; takes one number from ``rng``."""
    return rng.random() < probability
