"""Where all points stand after some blocks: what each takes relative to V0, and how certain it is.

Blocks hold V0 and other points each time: an augmented block design (Federer, Biometrics 17, 1961),
in which new points are measured once, and V0 and those that are carried on tie the blocks together.

    log value = block + point + error,  V0's effect is 0

It is solved by least squares; the variance of an error comes from all residuals together, so that a
point that was measured once has an interval too.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.over_seeds import over_rounds
from greenbench.stats.student import quantile
from greenbench.types import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.search.readings import PointReading, SearchBlock
    from greenbench.search.space import Point
    from greenbench.stats.shrinkage import Array

Z = quantile(math.inf)
"""Of the normal distribution, for 95 % intervals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Logarithms of ratios to V0, with their common uncertainty."""

    values: Mapping[Point, float]
    freedom: float
    """Degrees of freedom of the error's variance; 0 if nothing is known of it."""
    _places: Mapping[Point, int]
    _covariance: Array

    def standard(self, point: Point, other: Point | None = None) -> float:
        """Return the standard uncertainty of a point's effect, or of its difference to another."""
        weights = np.zeros(len(self._covariance))
        place = self._places[point]
        weights[place] = 1.0
        if other is not None:
            place = self._places[other]
            weights[place] -= 1.0
        variance = float(weights @ self._covariance @ weights)
        return math.sqrt(max(0.0, variance))


class _Row(NamedTuple):
    """One round."""

    block: int
    point: Point | None
    """None is V0."""
    logarithm: float


def effects(blocks: Sequence[SearchBlock], *, of_seconds: bool = False) -> Effects:
    """Fit the values of all points, or their seconds; those without a value are left out."""
    rows = _rows(blocks, of_seconds=of_seconds)
    places: dict[Point, int] = {}
    for row in rows:
        if row.point is not None:
            places.setdefault(row.point, len(blocks) + len(places))
    design = np.zeros((len(rows), len(blocks) + len(places)))
    logarithms = np.zeros(len(rows))
    for number, row in enumerate(rows):
        logarithms[number] = row.logarithm
        design[number, row.block] = 1.0
        if row.point is not None:
            place = places[row.point]
            design[number, place] = 1.0
    inverse = np.asarray(np.linalg.pinv(design.T @ design), dtype=float)
    solution = inverse @ design.T @ logarithms
    left = logarithms - design @ solution
    rank = int(np.linalg.matrix_rank(design)) if rows else 0
    freedom = len(rows) - rank
    variance = float(left @ left) / freedom if freedom else 0.0
    values = {}
    for point, place in places.items():
        values[point] = float(solution[place])
    covariance: Array = inverse * variance
    return Effects(values=values, freedom=float(freedom), _places=places, _covariance=covariance)


def _rows(blocks: Sequence[SearchBlock], *, of_seconds: bool) -> list[_Row]:
    """Return the rounds whose value is known and above 0."""
    rows = []
    for number, block in enumerate(blocks):
        everything: dict[Point | None, PointReading] = {None: block.baseline}
        for point, reading in block.readings.items():
            everything[point] = reading
        for place, reading in everything.items():
            value = reading.seconds if of_seconds else reading.value
            if value is not None and value > 0:
                row = _Row(number, place, math.log(value))
                rows.append(row)
    return rows


def rounds_of(blocks: Sequence[SearchBlock]) -> Counter[Point]:
    """Return how often each point was measured."""
    counts: Counter[Point] = Counter()
    for block in blocks:
        counts.update(block.readings.keys())
    return counts


def readings_of(blocks: Sequence[SearchBlock], point: Point) -> list[PointReading]:
    """Return the rounds of a point."""
    found = []
    for block in blocks:
        if point in block.readings:
            found.append(block.readings[point])
    return found


def score_margin(readings: Sequence[PointReading]) -> Metric:
    """Return the mean margin of a point's score, with its 95 % interval for rows and seeds.

    The value is None if a round has no score.
    """
    metrics = score_margins(readings)
    for metric in metrics:
        if metric.value is None:
            return metric
    return over_rounds(metrics)


def score_margins(readings: Sequence[PointReading]) -> list[Metric]:
    """Return the margin of each round, with its 95 % interval for rows."""
    metrics, count = [], len(readings)
    for reading in readings:
        reason = "a round has no score" if reading.margin is None else ""
        metric = Metric(
            value=reading.margin, low=reading.low, high=reading.high, n=count, reason=reason
        )
        metrics.append(metric)
    return metrics


def flaw_of(readings: Sequence[PointReading]) -> str:
    """Return the first reason why a point cannot win; empty if there is none."""
    for reading in readings:
        if reading.flaw:
            return reading.flaw
    return ""
