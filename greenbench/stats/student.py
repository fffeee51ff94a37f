"""Student's t: quantiles, intervals and corrected p-values."""

from __future__ import annotations

import functools
import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of a sample; the library's goes through fractions and takes ten times as long."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


@functools.lru_cache(maxsize=8192)
def quantile(freedom: float, level: float = 0.975) -> float:
    """Return Student's t for ``freedom`` degrees of freedom, the normal distribution's for infinitely many."""
    if math.isinf(freedom):
        return statistics.NormalDist().inv_cdf(level)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


def holm(chances: Sequence[float]) -> list[float]:
    """Return p-values corrected for being several (Holm, Scandinavian Journal of Statistics 1979), in their order."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    corrected, worst = [0.0] * len(chances), 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, chances[index] * (len(chances) - rank)))
        corrected[index] = worst
    return corrected


LEVEL = 0.95
"""Of the interval that is printed after ``+-``."""


def effective_freedom(parts: Mapping[str, float], freedom: Mapping[str, int]) -> float:
    """Return the Welch-Satterthwaite degrees of freedom; causes without an entry in ``freedom`` are known exactly."""
    whole = math.hypot(0.0, *parts.values())
    weighted = (
        sum((parts[name] / whole) ** 4 / degrees for name, degrees in freedom.items())
        if whole
        else 0.0
    )
    return 1 / weighted if weighted else math.inf


def coverage(freedom: float) -> float:
    """Return the factor that makes a 95 % interval of a standard uncertainty with ``freedom`` degrees of freedom."""
    if math.isinf(freedom):
        return statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
