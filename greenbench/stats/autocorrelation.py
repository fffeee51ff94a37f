"""Correlated rounds."""

from __future__ import annotations

import functools
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


FEWEST = 20
"""Successive differences, over all cells, from which on a correlation can be told at all."""


MOST = 0.95


STEPS = 40


def correlation(series: Sequence[Sequence[float]]) -> float:
    """Return the correlation of neighbouring rounds, from 0 to ``MOST``; 0 where there are too few rounds to tell."""
    known = [s for s in series if len(s) > 2]  # noqa: PLR2004  two rounds have the same moments whatever the correlation
    lengths = Counter(len(s) for s in known)
    degrees = sum(count * (n - 1) for n, count in lengths.items())
    spread = sum(_squares(s) for s in known)
    if degrees < FEWEST or not spread:
        return 0.0
    seen = sum(_steps(s) for s in known) / 2 / spread
    low, high = 0.0, MOST
    for _ in range(STEPS):
        middle = (low + high) / 2
        within = (
            sum(count * (n - 1) * (1 - likeness(n, middle)) for n, count in lengths.items())
            / degrees
        )
        low, high = (middle, high) if (1 - middle) / within > seen else (low, middle)
    return round(low, 2)


def _squares(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((v - mean) ** 2 for v in values)


def _steps(values: Sequence[float]) -> float:
    return sum((b - a) ** 2 for a, b in pairwise(values))


@functools.lru_cache(maxsize=4096)
def likeness(rounds: int, rho: float) -> float:
    """Return the mean correlation between two of so many successive rounds."""
    if rounds < 2 or not rho:  # noqa: PLR2004
        return 0.0
    weighted = (
        rho * (rounds - (1 - rho**rounds) / (1 - rho)) / (1 - rho)
    )  # the sum of (rounds - k) rho^k
    return 2 * weighted / (rounds * (rounds - 1))


def inflation(rounds: int, rho: float) -> float:
    """Return by how much the variance of a mean is larger than the variance within so many rounds, divided by them, says."""
    alike = likeness(rounds, rho)
    return (1 + (rounds - 1) * alike) / (1 - alike)


@functools.lru_cache(maxsize=4096)
def freedom(rounds: int, rho: float) -> float:
    """Return the degrees of freedom of the variance within so many rounds: one fewer than there are, if independent."""
    if rounds < 2 or not rho:  # noqa: PLR2004
        return max(0, rounds - 1)
    rows = [(1 + rho - rho ** (i + 1) - rho ** (rounds - i)) / (1 - rho) for i in range(rounds)]
    whole = sum(rows)
    squared = rounds * (1 + (rounds - 1) * likeness(rounds, rho**2))
    squared += (whole / rounds) ** 2 - 2 * sum(row**2 for row in rows) / rounds
    return float((rounds - whole / rounds) ** 2 / squared)
