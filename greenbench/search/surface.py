"""What points would take, and whether they would keep the score, foreseen from those measured.

A Gaussian process over the levels of the knobs: the effect of each knob by itself, and of each two
together (Duvenaud, Nickisch and Rasmussen, Advances in Neural Information Processing Systems 24,
2011). Neighbouring levels of a number act alike; choices act each by itself. The sizes of single
and joint effects are those, of a grid, that make the measurements most likely. Nothing is concluded
from it: it only says where to measure next.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.search.space import Axis, Point, Space
    from greenbench.stats.shrinkage import Array

REACH = 0.35
"""Part of a knob's range over which its levels act alike."""
SINGLE = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Standard deviations of the effect of one knob."""
JOINT = (0.02, 0.3)
"""Those of two together, relative to it."""
SMALLEST = 1e-6


class Foreseen(NamedTuple):
    """What is foreseen of some points: a normal distribution each."""

    mean: Array
    deviation: Array


@dataclass(frozen=True, slots=True)
class Surface:
    """A fitted surface."""

    space: Space
    points: tuple[Point, ...]
    _root: Array
    _weights: Array
    _sizes: tuple[float, float]

    def at(self, points: Sequence[Point]) -> Foreseen:
        """Return what is foreseen of ``points``."""
        shared = _covariance(self.space, points, self.points, self._sizes)
        mean = shared @ self._weights
        explained = np.linalg.solve(self._root, shared.T)
        prior = _variance(self.space, self._sizes)
        variance = np.maximum(prior - (explained**2).sum(axis=0), SMALLEST)
        return Foreseen(mean, np.sqrt(variance))


def fit(
    space: Space, points: Sequence[Point], values: Sequence[float], errors: Sequence[float]
) -> Surface:
    """Fit the ``values`` of points, whose standard errors are given; V0's value is 0."""
    known = (space.baseline, *points)
    targets = np.array([0.0, *values])
    noise = np.array([SMALLEST, *errors])
    noise = noise**2 + SMALLEST
    best, highest = None, -math.inf
    for single, joint in itertools.product(SINGLE, JOINT):
        sizes = (single, single * joint)
        covariance = _covariance(space, known, known, sizes)
        covariance += np.diag(noise)
        root = np.asarray(np.linalg.cholesky(covariance), dtype=float)
        half = np.linalg.solve(root, targets)
        volume = np.log(np.diag(root)).sum()
        likelihood = -0.5 * float(half @ half) - float(volume)
        if best is None or likelihood > highest:
            weights = np.asarray(np.linalg.solve(root.T, half), dtype=float)
            highest = likelihood
            best = Surface(space, known, root, weights, sizes)
    assert best is not None  # noqa: S101  the grid is not empty
    return best


def _covariance(
    space: Space, some: Sequence[Point], others: Sequence[Point], sizes: tuple[float, float]
) -> Array:
    """Return the covariance of the effects of each two points."""
    here, there = np.array(some), np.array(others)
    single, joint = sizes
    total = np.zeros((len(some), len(others)))
    squares = np.zeros_like(total)
    for place, axis in enumerate(space.axes):
        pairs = np.ix_(here[:, place], there[:, place])
        alike = _alike(axis)[pairs]
        total += alike
        squares += alike**2
    of_pairs = (total**2 - squares) / 2  # the sum of the products of each two
    covariance: Array = single**2 * total
    covariance += joint**2 * of_pairs
    return covariance


def _variance(space: Space, sizes: tuple[float, float]) -> float:
    count = len(space.axes)
    single, joint = sizes
    pairs = math.comb(count, 2)
    return single**2 * count + joint**2 * pairs


def _alike(axis: Axis) -> Array:
    """Return how alike each two levels act, from 0 to 1."""
    count = len(axis.levels)
    if not axis.ordered:
        return np.eye(count)
    places = np.arange(count) / (count - 1)
    distances = np.subtract.outer(places, places)
    scaled = distances / REACH
    alike: Array = np.exp(-0.5 * scaled**2)
    return alike
