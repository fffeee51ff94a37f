"""Whether a few points hold what the search promised, by a second measurement.

What was chosen as the best of many looks better than it is. So the finalists and V0 run again, in
blocks, on rows and seeds that the search never saw, and only what is proven there is confirmed: all
that is asked of a point at once (an intersection-union test: Berger, Technometrics 24, 1982), and
corrected by Holm's method over the finalists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from greenbench.search.standing import flaw_of, readings_of, score_margin, score_margins
from greenbench.stats.many_tests import OneTest, stepped_down
from greenbench.stats.over_seeds import chance_of_no_more_than_zero
from greenbench.stats.student import ALPHA, quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.search.racing import SearchRules
    from greenbench.search.readings import PointReading, SearchBlock
    from greenbench.search.space import Point
    from greenbench.stats.blocks import CellDifference

FEWEST_BLOCKS = 3
"""Blocks of a confirmation: of two no warm-up can be told."""
FEWEST = 2
"""Blocks of which a difference has an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioToV0:
    """A ratio to V0, with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedPoint:
    """What the confirmation says of a point."""

    point: Point
    blocks: int
    ratio: RatioToV0 | None
    """What it takes; None if that is unknown."""
    seconds: RatioToV0 | None
    margin: float | None
    """By how much its score is better than asked."""
    low: float | None
    high: float | None
    p: float
    """Of the hypothesis that it breaks something, corrected by Holm's method."""
    against: str = ""
    """Why it is not confirmed; empty if it is."""

    @property
    def confirmed(self) -> bool:
        """Whether it is proven to take less than V0 and to keep what is asked."""
        return not self.against


class _Proof(NamedTuple):
    """One thing that is asked of a point."""

    p: float
    name: str


def judge(
    points: Sequence[Point], blocks: Sequence[SearchBlock], rules: SearchRules
) -> list[ConfirmedPoint]:
    """Judge ``points`` by ``blocks``, each of which has V0 and all of them."""
    values = _differences(points, blocks, _value)
    seconds = _differences(points, blocks, _seconds)
    tests, worst = [], {}
    for point in points:
        kept = chance_of_no_more_than_zero(score_margins(readings_of(blocks, point)))
        proofs = _proofs(values.get(point), seconds.get(point), kept, rules)
        worst[point] = max(proofs)
        test = OneTest(p=worst[point].p)
        tests.append(test)
    corrected = stepped_down(tests)
    found = []
    for point, p in zip(points, corrected, strict=True):
        readings = readings_of(blocks, point)
        margin = score_margin(readings)
        against = flaw_of(readings)
        if not against and p > ALPHA:
            against = f"{worst[point].name} is not proven"
        one = ConfirmedPoint(
            point=point,
            blocks=len(blocks),
            ratio=_ratio(values.get(point)),
            seconds=_ratio(seconds.get(point)),
            margin=margin.value,
            low=margin.low,
            high=margin.high,
            p=p,
            against=against,
        )
        found.append(one)
    return sorted(found, key=_order)


def _order(found: ConfirmedPoint) -> tuple[bool, float]:
    taken = math.inf if found.ratio is None else found.ratio.value
    return not found.confirmed, taken


def _value(reading: PointReading) -> float | None:
    return reading.value


def _seconds(reading: PointReading) -> float | None:
    return reading.seconds


def _differences(
    points: Sequence[Point],
    blocks: Sequence[SearchBlock],
    read: Callable[[PointReading], float | None],
) -> dict[Point, CellDifference]:
    """Return how the logarithm of each point differs from V0's, as far as both are known."""
    from greenbench.stats.blocks import compare_in_blocks

    baseline = _logarithms([block.baseline for block in blocks], read)
    columns = {}
    for point in points:
        column = _logarithms(readings_of(blocks, point), read)
        if len(column) == len(blocks):
            columns[point] = column
    if len(baseline) < len(blocks) or len(blocks) < FEWEST or not columns:
        return {}
    rows, places = [], []
    for number, block in enumerate(blocks):
        row = [baseline[number]]
        for column in columns.values():
            row.append(column[number])
        rows.append(row)
        first = number * len(row)
        order = list(range(first, first + len(row)))
        if block.plan.backwards:
            order.reverse()
        places.append(order)
    compared = compare_in_blocks(rows, places, reference=0)
    of_points = compared.differences[1:]
    return dict(zip(columns, of_points, strict=True))


def _logarithms(
    readings: Sequence[PointReading], read: Callable[[PointReading], float | None]
) -> list[float]:
    """Return the logarithms of what is known and above 0."""
    logarithms = []
    for reading in readings:
        value = read(reading)
        if value is not None and value > 0:
            logarithms.append(math.log(value))
    return logarithms


def _proofs(
    value: CellDifference | None,
    seconds: CellDifference | None,
    kept: float,
    rules: SearchRules,
) -> list[_Proof]:
    """Return the p-values of all that is asked of a point; ``kept`` is that of the score."""
    less = _below(value, 0.0)
    proofs = [_Proof(less, "that it takes less than V0"), _Proof(kept, "that it keeps the score")]
    if rules.slowdown:
        in_time = _below(seconds, math.log(rules.slowdown))
        name = f"that it takes at most {rules.slowdown:g} times V0's time"
        proofs.append(_Proof(in_time, name))
    return proofs


def _below(difference: CellDifference | None, limit: float) -> float:
    """Return the one-sided p-value against a difference below ``limit``; 1 if it is unknown."""
    from scipy.special import stdtr

    if difference is None:
        return 1.0
    excess = difference.value - limit
    if not difference.standard:
        return 0.0 if excess < 0 else 1.0
    ratio = excess / difference.standard
    return float(stdtr(difference.freedom, ratio))


def _ratio(difference: CellDifference | None) -> RatioToV0 | None:
    if difference is None:
        return None
    half = quantile(difference.freedom) * difference.standard
    middle = difference.value
    low, high = math.exp(middle - half), math.exp(middle + half)
    return RatioToV0(value=math.exp(middle), low=low, high=high)
