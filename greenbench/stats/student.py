"""Student's t: quantiles, and the interval of a combined uncertainty.

The degrees of freedom of a combined uncertainty are effective ones by the Welch-Satterthwaite
formula (Guide to the Expression of Uncertainty in Measurement, JCGM 100:2008, annex G.4).
"""

from __future__ import annotations

import functools
import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEVEL = 0.95
"""Level of the interval that is printed after ``+-``."""
ALPHA = 0.025
"""What such an interval leaves out on each side: the level of the one-sided p-value at its end."""


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of a sample.

    The standard library's goes through fractions and takes ten times as long.
    """
    count = len(values)
    mean = math.fsum(values) / count
    squares = math.fsum((value - mean) ** 2 for value in values)
    return math.sqrt(squares / (count - 1))


@functools.lru_cache(maxsize=8192)
def quantile(freedom: float, level: float = (1 + LEVEL) / 2) -> float:
    """Return the quantile of Student's t for ``freedom`` degrees of freedom.

    For infinitely many it is the normal distribution's. It comes from ``scipy.special``, as
    importing ``scipy.stats`` takes about a second.
    """
    if math.isinf(freedom):
        return statistics.NormalDist().inv_cdf(level)
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


def coverage(freedom: float) -> float:
    """Return the factor that makes a 95 % interval of a standard uncertainty."""
    return quantile(freedom)


def effective_freedom(parts: Mapping[str, float], freedom: Mapping[str, float]) -> float:
    """Return the Welch-Satterthwaite degrees of freedom of standard uncertainties in quadrature.

    Parts without an entry in ``freedom`` are known exactly; infinite where all are.
    """
    whole = math.hypot(*parts.values())
    if not whole:
        return math.inf
    weighted = 0.0
    for name, degrees in freedom.items():
        weighted += (parts[name] / whole) ** 4 / degrees
    return 1 / weighted if weighted else math.inf
