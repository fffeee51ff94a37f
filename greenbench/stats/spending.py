"""What repeated looks at growing data cost, paid by spending the error rate bit by bit.

Whoever tests after each block, and stops at the first proof, raises more false alarms than one test
does. Here each look may use a part of the error rate that depends on how much of the planned data
is there (Lan and DeMets, Biometrika 70, 1983): next to nothing at first and nearly all at the end,
with their function that is like the boundaries of O'Brien and Fleming. The level of each look is
the one at which the looks together spend just that, by recursive numerical integration (Armitage,
McPherson and Rowe, Journal of the Royal Statistical Society A 132, 1969). These levels hold for
means of normal values with a known variance; that they are used for p-values of Student's t is the
significance-level approach (Jennison and Turnbull, Group Sequential Methods 2000, ch. 3.5).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.stats.shrinkage import Array

LOWEST = -7.0
"""Standard deviations below which the statistic is not followed: it does not come back in time."""
HIGHEST = 9.0
"""Standard deviations above which it never is."""
FARTHEST = 37.0
"""Standard deviations beyond which no probability is left that a float can hold."""
NEGLIGIBLE = 1e-13
"""A probability of having ended that changes nothing for later looks."""
ROOT = math.sqrt(2 * math.pi)
NODES = 32
"""Of the integration: a multiple of it, for each step between looks at least two."""


def spent(fraction: float, rate: float) -> float:
    """Return how much of a one-sided error ``rate`` is spent at a ``fraction`` of the data."""
    from scipy.special import ndtr, ndtri

    end = ndtri(rate / 2) / math.sqrt(fraction)
    tail = float(ndtr(end))
    return 2 * tail


@functools.lru_cache(maxsize=1024)
def levels(fractions: tuple[float, ...], rate: float) -> tuple[float, ...]:
    """Return the one-sided level of each look at rising ``fractions`` of the planned data.

    The looks together spend ``rate``, if the last fraction is 1.
    """
    from scipy.special import ndtr

    spending = [spent(fraction, rate) for fraction in fractions]
    ends = np.array(ends_of_looks(fractions, spending))
    return tuple(ndtr(-ends).tolist())


def ends_of_looks(fractions: Sequence[float], spending: Sequence[float]) -> list[float]:
    """Return the value at each look that a standard normal statistic exceeds with an alarm.

    ``spending`` is the probability of an alarm up to each look.
    """
    walk = _Walk()
    ends, before = [], 0.0
    for fraction, total in zip(fractions, spending, strict=True):
        end = walk.end(fraction, total - before)
        if total > NEGLIGIBLE:
            walk.go_on(fraction, end)
        ends.append(end / math.sqrt(fraction))
        before = total
    return ends


class _Walk:
    """The density of the sum of what was measured, where no look has ended the session yet.

    It is a Brownian motion, whose time is the fraction of the planned data.
    """

    def __init__(self) -> None:
        self._time = 0.0
        self._places: Array = np.zeros(1)
        self._masses: Array = np.ones(1)

    def end(self, time: float, probability: float) -> float:
        """Return the value that is exceeded at ``time`` for the first time with a probability."""
        low, high = LOWEST, FARTHEST
        for _ in range(60):
            middle = (low + high) / 2
            if self._exceeds(time, middle) > probability:
                low = middle
            else:
                high = middle
        return high

    def _exceeds(self, time: float, value: float) -> float:
        from scipy.special import ndtr

        step = math.sqrt(time - self._time)
        tails = ndtr((self._places - value) / step)
        return float(self._masses @ tails)

    def go_on(self, time: float, end: float) -> None:
        """Go to ``time``, and leave out what is beyond ``end`` there."""
        step = math.sqrt(time - self._time)
        lowest = LOWEST * math.sqrt(time)
        end = min(end, HIGHEST * math.sqrt(time))
        width = end - lowest
        times = math.ceil(1 + 2 * width / step / NODES)
        nodes, weights = _quadrature(NODES * times)
        places = lowest + width * (nodes + 1) / 2
        distances = np.subtract.outer(places, self._places) / step
        densities = np.exp(-(distances**2) / 2)
        scale = width / 2 / step / ROOT
        self._masses = densities @ self._masses * weights * scale
        self._places = places
        self._time = time


@functools.lru_cache(maxsize=64)
def _quadrature(count: int) -> tuple[Array, Array]:
    """Return nodes and weights of Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights
