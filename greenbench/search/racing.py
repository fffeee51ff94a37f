"""Which points are out of the race, and why: the interval of each lies wholly on the wrong side.

A point is looked at after each of its rounds, up to ``MOST_ROUNDS``. The looks are paid for: they
share the error rate of one test by alpha spending (``stats.spending``), so that a point that should
stay is dropped by chance in 2.5 of 100 cases a side, however often it is looked at. Nothing is
corrected for the number of points: a good one that is dropped costs the search some of its gain,
and no claim, as whatever the race leaves has to be confirmed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.search.standing import Z, effects, flaw_of, readings_of, rounds_of, score_margin
from greenbench.stats.looks import Looks
from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.search.readings import SearchBlock
    from greenbench.search.space import Point
    from greenbench.search.standing import Effects
    from greenbench.types import Metric

MOST_ROUNDS = 4
"""Rounds of a point in a search; what is still open then waits to be confirmed."""
LOOKS = Looks(first=1, most=MOST_ROUNDS)
LOST, SLOW = "the score is not kept", "it is too slow"
COSTS, WORSE = "it takes more than V0", "it takes more than the best"
FLAWED = "no evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointStanding:
    """What is known of a point after some blocks."""

    point: Point
    rounds: int
    effect: float
    """Logarithm of what it takes relative to V0; infinite if that is unknown."""
    margin: float | None
    """By how much its score is better than asked; None if it is unknown."""
    margin_low: float | None = None
    """Lower 95 % bound; None if the score has no interval."""
    out: str = ""
    """Why it is dropped; empty while it is open."""

    @property
    def promises(self) -> bool:
        """Whether it is open, and seems to take less than V0 and to keep the score."""
        return not self.out and self.effect < 0 and self.seems_kept

    @property
    def seems_kept(self) -> bool:
        """Whether the score lies on the right side, proven or not."""
        return self.margin is not None and self.margin >= 0

    @property
    def is_kept(self) -> bool:
        """Whether the lower bound of the score does."""
        return self.margin_low is not None and self.margin_low >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRules:
    """What a point must not do."""

    slowdown: float | None = None
    """The most that it may take of V0's seconds; None allows any."""


def standings(blocks: Sequence[SearchBlock], rules: SearchRules) -> list[PointStanding]:
    """Return all points that were measured, the best that may win first."""
    fitted = effects(blocks)
    seconds = effects(blocks, of_seconds=True) if rules.slowdown else None
    found = []
    for point, rounds in rounds_of(blocks).items():
        readings = readings_of(blocks, point)
        margin = score_margin(readings)
        out = flaw_of(readings)
        if out:
            out = f"{FLAWED}: {out}"
        else:
            out = _out(point, rounds, fitted, margin)
        if not out and seconds is not None and rules.slowdown:
            out = _slow(point, rounds, seconds, rules.slowdown)
        effect = fitted.values.get(point, math.inf)
        one = PointStanding(
            point=point,
            rounds=rounds,
            effect=effect,
            margin=margin.value,
            margin_low=margin.low,
            out=out,
        )
        found.append(one)
    return _against_the_best(found, fitted)


def _half(standard: float, rounds: int, freedom: float) -> float:
    """Return how far the bound of this look lies from the value; infinitely if nobody knows."""
    if not freedom:
        return math.inf
    level = LOOKS.level(rounds)
    return quantile(freedom, 1 - level) * standard


def _out(point: Point, rounds: int, fitted: Effects, margin: Metric) -> str:
    """Say why a point is out by itself; empty if it is not."""
    if point not in fitted.values:
        return f"{FLAWED}: what it takes is unknown"
    if margin.value is None:
        return f"{FLAWED}: {margin.reason}"
    if _highest(margin, rounds) < 0:
        return LOST
    half = _half(fitted.standard(point), rounds, fitted.freedom)
    low = fitted.values[point] - half
    return COSTS if low > 0 else ""


def _highest(margin: Metric, rounds: int) -> float:
    """Return the upper bound of a score's margin at this look, as if it were normal."""
    value = margin.value or 0.0
    if margin.high is None:
        return value  # a score without an interval counts as it stands
    standard = (margin.high - value) / Z
    half = _half(standard, rounds, math.inf)
    return value + half


def _slow(point: Point, rounds: int, seconds: Effects, slowdown: float) -> str:
    if point not in seconds.values:
        return ""
    half = _half(seconds.standard(point), rounds, seconds.freedom)
    low = seconds.values[point] - half
    return SLOW if low > math.log(slowdown) else ""


def _against_the_best(found: Sequence[PointStanding], fitted: Effects) -> list[PointStanding]:
    """Drop what is shown to take more than the best point that seems to keep the score."""
    ordered = sorted(found, key=order)
    best = next(iter(ordered), None)
    if best is None or best.out or not best.seems_kept:
        return ordered
    judged = [best]
    for one in ordered[1:]:
        if one.out:
            judged.append(one)
            continue
        more = one.effect - best.effect
        standard = fitted.standard(one.point, best.point)
        half = _half(standard, one.rounds, fitted.freedom)
        if more - half > 0:
            one = replace(one, out=WORSE)  # noqa: PLW2901  the same point, judged
        judged.append(one)
    return sorted(judged, key=order)


def order(one: PointStanding) -> tuple[bool, bool, float]:
    """Return the key that sorts what may win first: open, score kept as it seems, least first."""
    return bool(one.out), not one.seems_kept, one.effect
