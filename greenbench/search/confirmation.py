"""Whether a few points hold what the search promised, by a second measurement.

What was chosen as the best of many looks better than it is. So the finalists and V0 run again, in
blocks, on rows and seeds that the search never saw, and only what is proven there is confirmed: all
that is asked of a point at once (an intersection-union test: Berger, Technometrics 24, 1982), and
corrected by Holm's method over the finalists.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates import margins
from greenbench.gates.interleaved import Design
from greenbench.gates.verdict import Estimate
from greenbench.search.standing import flaw_of, readings_of, score_margin, score_margins
from greenbench.stats.many_tests import OneTest, stepped_down
from greenbench.stats.over_seeds import chance_of_no_more_than_zero
from greenbench.stats.student import ALPHA, quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.search.racing import SearchRules
    from greenbench.search.readings import PointReading, SearchBlock
    from greenbench.search.space import Point
    from greenbench.stats.blocks import BlockComparison, CellDifference

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
    """That were measured; the score is of all of them."""
    used: int
    """Blocks of which the ratio is: without the first one, if that was warm-up."""
    method: str
    """How the ratio was found; empty if it is unknown."""
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


class _Difference(NamedTuple):
    """How the logarithm of a point differs from V0's."""

    value: float
    standard: float
    freedom: float
    blocks: int
    """That were used."""
    method: str


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
        taken = values.get(point)
        against = flaw_of(readings)
        if not against and p > ALPHA:
            against = f"{worst[point].name} is not proven"
        one = ConfirmedPoint(
            point=point,
            blocks=len(blocks),
            used=0 if taken is None else taken.blocks,
            method="" if taken is None else taken.method,
            ratio=_ratio(taken),
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


class _Quantity(NamedTuple):
    """What is compared of a round, with its standard uncertainties."""

    value: float | None
    uncertainty: float = 0.0
    systematic: float = 0.0


def _value(reading: PointReading) -> _Quantity:
    return _Quantity(reading.value, reading.uncertainty, reading.systematic)


def _seconds(reading: PointReading) -> _Quantity:
    return _Quantity(reading.seconds)


class _Column(NamedTuple):
    """The rounds of a point, with relative standard uncertainties by the instrument."""

    logarithms: list[float]
    stated: float
    """Of a round."""
    fixed: float
    """Of all rounds together."""


def _column(
    readings: Sequence[PointReading], read: Callable[[PointReading], _Quantity]
) -> _Column | None:
    """Return the rounds of a point; None if one is unknown, or not above 0."""
    values, own, shared = [], [], []
    for reading in readings:
        value, uncertainty, systematic = read(reading)
        if value is None or value <= 0:
            return None
        values.append(value)
        own.append(uncertainty)
        shared.append(systematic)
    logarithms = [math.log(value) for value in values]
    return _Column(logarithms, max(own) / min(values), max(shared) / statistics.fmean(values))


def _differences(
    points: Sequence[Point],
    blocks: Sequence[SearchBlock],
    read: Callable[[PointReading], _Quantity],
) -> dict[Point, _Difference]:
    """Return how the logarithm of each point differs from V0's, as far as both are known."""
    baseline = _column([block.baseline for block in blocks], read)
    columns = {}
    for point in points:
        column = _column(readings_of(blocks, point), read)
        if column is not None:
            columns[point] = column
    if baseline is None or len(blocks) < FEWEST or not columns:
        return {}
    compared = _compared([baseline, *columns.values()], blocks)
    found = {}
    for (point, column), one in zip(columns.items(), compared.differences[1:], strict=True):
        found[point] = _with_instruments(one, compared, baseline, column)
    return found


def _compared(columns: Sequence[_Column], blocks: Sequence[SearchBlock]) -> BlockComparison:
    """Compare the columns with the first one, V0's."""
    from greenbench.stats.blocks import compare_in_blocks

    rows, places = [], []
    for number, block in enumerate(blocks):
        row = [column.logarithms[number] for column in columns]
        rows.append(row)
        first = number * len(row)
        order = list(range(first, first + len(row)))
        if block.plan.backwards:
            order.reverse()
        places.append(order)
    return compare_in_blocks(rows, places, reference=0)


def _with_instruments(
    one: CellDifference, compared: BlockComparison, *columns: _Column
) -> _Difference:
    """Return a difference with the uncertainty that gates give it: of rounds and instruments."""
    stated = math.hypot(*(column.stated for column in columns)) / math.sqrt(compared.blocks)
    fixed = math.hypot(*(column.fixed for column in columns))
    plain = Estimate(margin=one.value, freedom=one.freedom, fixed=fixed)
    whole = margins.combined(plain, random=one.standard, stated=stated)
    method = Design(compared, {}).method(one)
    return _Difference(one.value, whole.below, whole.freedom, compared.blocks, method)


def _proofs(
    value: _Difference | None,
    seconds: _Difference | None,
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


def _below(difference: _Difference | None, limit: float) -> float:
    """Return the one-sided p-value against a difference below ``limit``; 1 if it is unknown."""
    from scipy.special import ndtr, stdtr

    if difference is None:
        return 1.0
    excess = difference.value - limit
    if not difference.standard:
        return 0.0 if excess < 0 else 1.0
    ratio = excess / difference.standard
    if math.isinf(difference.freedom):
        return float(ndtr(ratio))
    return float(stdtr(difference.freedom, ratio))


def _ratio(difference: _Difference | None) -> RatioToV0 | None:
    if difference is None:
        return None
    half = quantile(difference.freedom) * difference.standard
    middle = difference.value
    low, high = math.exp(middle - half), math.exp(middle + half)
    return RatioToV0(value=math.exp(middle), low=low, high=high)
