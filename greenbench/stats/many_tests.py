"""P-values of several tests at once, corrected so that any false one is rare.

By Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979), in which each test that
is left counts by itself. Tests that hold cells against one reference share its error: together they
count by Dunnett's distribution, and less (Dunnett, Journal of the American Statistical Association
50, 1955; step-down: Dunnett and Tamhane, Statistics in Medicine 10, 1991).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.stats.shrinkage import Array

NODES = 32
"""Of the integration over either variable."""
LARGEST_PART = 0.95
"""Larger parts of the reference count as this one, which is on the safe side."""
SMALLEST = 1e-9
LARGEST = 0.5
"""P-values between which is integrated; others are far from any level."""


class OneTest(NamedTuple):
    """A one-sided test, of a cell against a reference that others share or of its own."""

    p: float
    reference: str = ""
    """What the tests of a design share; empty for a test by itself."""
    part: float = 0.0
    """Part of the variance of the difference that is the reference's."""
    freedom: float = math.inf
    """Degrees of freedom of Student's t."""


def stepped_down(tests: Sequence[OneTest]) -> list[float]:
    """Return the corrected p-values, in their order."""
    places = sorted(range(len(tests)), key=lambda place: tests[place].p)
    left = [tests[place] for place in places]
    corrected = [0.0] * len(tests)
    largest = 0.0
    for place in places:
        if largest < 1:  # of thousands of tests most come after
            chance = _chance_of_any(left[0].p, left)
            largest = max(largest, min(1.0, chance))
        corrected[place] = largest
        left.pop(0)
    return corrected


def _chance_of_any(p: float, tests: Sequence[OneTest]) -> float:
    """Return at most how probable a p-value of ``p`` or less is in any of them, if all are true."""
    chance = 0.0
    families: dict[tuple[str, float], list[float]] = {}
    for test in tests:
        if test.reference:
            family = families.setdefault((test.reference, test.freedom), [])
            family.append(test.part)
        else:
            chance += p
    for (_, freedom), parts in families.items():
        joint = len(parts) * p
        if SMALLEST < p < LARGEST:
            exact = _dunnett(p, parts, freedom)
            joint = min(joint, max(p, exact))
        chance += joint
    return chance


def _dunnett(p: float, parts: Sequence[float], freedom: float) -> float:
    """Return how probable a p-value of ``p`` or less is in any test against one reference.

    The reference's error and the scale of Student's t are common to the tests, and given both the
    tests are independent: their joint probability is integrated over both.
    """
    import numpy as np
    from scipy.special import ndtr

    limit = -quantile(freedom, p)
    shared = np.minimum(parts, LARGEST_PART)
    errors, weights = _normal_nodes()
    scales, of_scales = _scale_nodes(freedom)
    common = np.multiply.outer(errors, np.sqrt(shared))
    limits = limit * scales[:, None, None]
    own = (limits + common) / np.sqrt(1 - shared)
    within = ndtr(own).prod(axis=2)
    return 1 - float(of_scales @ within @ weights)


@functools.cache
def _normal_nodes() -> tuple[Array, Array]:
    """Return nodes and weights of the expected value over a standard normal variable."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights / weights.sum()


@functools.lru_cache(maxsize=64)
def _scale_nodes(freedom: float) -> tuple[Array, Array]:
    """Return nodes and weights over the estimated standard deviation, if the true one is 1."""
    import numpy as np
    from scipy.special import chdtri

    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    if math.isinf(freedom):
        return np.ones(1), np.ones(1)
    squares = chdtri(freedom, (1 - nodes) / 2)
    return np.sqrt(squares / freedom), weights / 2
