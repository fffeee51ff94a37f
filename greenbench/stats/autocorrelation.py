"""Successive rounds share the machine's state, and count for less than independent ones.

The state is taken for an autoregressive process of first order, AR(1), with one correlation for all
series. It is estimated by moments: half the mean square of successive differences would be the
variance if rounds were independent, and falls below that as they become alike (von Neumann, Annals
of Mathematical Statistics 1941). Both moments are taken within series, whose means differ, and the
bias of few rounds is solved for. The variance of a mean is then that of correlated values (Box,
Jenkins and Reinsel, Time Series Analysis, ch. 2): larger by ``inflation`` than the rounds' own
spread says. That spread has fewer degrees of freedom as well (``freedom``), by Satterthwaite's
moments (Biometrics Bulletin 1946).
"""

from __future__ import annotations

import functools
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEWEST = 20
"""Degrees of freedom within series, all together, below which no correlation is estimated."""
MOST = 0.95
"""Largest correlation that is estimated: beyond it the rounds are practically one."""
STEPS = 40
"""Halvings of the interval in which the correlation is sought."""


def correlation(series: Sequence[Sequence[float]]) -> float:
    """Return the correlation of neighbouring rounds, from 0 to ``MOST``.

    It is 0 where there are too few rounds to estimate it, or where no round differs from another.
    """
    lengths = Counter[int]()
    degrees = 0
    squares = steps = 0.0
    for values in series:
        if len(values) < 3:  # noqa: PLR2004  two have the same moments whatever the correlation
            continue
        lengths[len(values)] += 1
        degrees += len(values) - 1
        squares += _squares(values)
        steps += _steps(values)
    if degrees < FEWEST or not squares:
        return 0.0
    observed = steps / 2 / squares
    low, high = 0.0, MOST
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _expected_ratio(lengths, middle) > observed:
            low = middle
        else:
            high = middle
    return round(low, 2)


def _expected_ratio(lengths: Mapping[int, int], rho: float) -> float:
    """Return the ratio of half the squared steps to the squares about the means under AR(1).

    ``lengths`` is how many series there are of each length.
    """
    degrees = 0
    within = 0.0
    for rounds, count in lengths.items():
        degrees += count * (rounds - 1)
        within += count * (rounds - 1) * (1 - likeness(rounds, rho))
    return (1 - rho) / (within / degrees)


def _squares(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values)


def _steps(values: Sequence[float]) -> float:
    return sum((after - before) ** 2 for before, after in pairwise(values))


@functools.lru_cache(maxsize=4096)
def likeness(rounds: int, rho: float) -> float:
    """Return the mean correlation between two of so many successive rounds."""
    if rounds < 2 or not rho:  # noqa: PLR2004
        return 0.0
    # the sum of (rounds - k) rho^k over all lags k
    weighted = rho * (rounds - (1 - rho**rounds) / (1 - rho)) / (1 - rho)
    return 2 * weighted / (rounds * (rounds - 1))


def inflation(rounds: int, rho: float) -> float:
    """Return how many times larger the variance of a mean is than independent rounds would have it.

    Independent rounds would give it the variance within the rounds, divided by their number.
    """
    alike = likeness(rounds, rho)
    return (1 + (rounds - 1) * alike) / (1 - alike)


@functools.lru_cache(maxsize=4096)
def freedom(rounds: int, rho: float) -> float:
    """Return the degrees of freedom of the variance within so many rounds.

    Independent rounds have one fewer than there are rounds.
    """
    if rounds < 2 or not rho:  # noqa: PLR2004
        return max(0, rounds - 1)
    # sums of the rows of the correlation matrix, and by them the traces of the centred one
    rows = []
    for row in range(rounds):
        term = 1 + rho - rho ** (row + 1) - rho ** (rounds - row)
        rows.append(term / (1 - rho))
    mean = sum(rows) / rounds
    trace = rounds - mean
    squared = rounds * (1 + (rounds - 1) * likeness(rounds, rho**2))
    squared += mean**2 - 2 * sum(row**2 for row in rows) / rounds
    return float(trace**2 / squared)
