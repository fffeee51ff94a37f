"""Finds room for names beside points: Vega draws labels where it is told to, overlapping or not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import altair as alt

from greenbench.report.charts.marks import LETTER

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE = 13.0
"""Height of a label in pixels."""
GAP = 8.0
RADIUS = 5.0
SPREAD = 6.0
"""Largest value over smallest from which on a scale is logarithmic."""
MARGIN = 0.05
"""Share of a scale that stays free on either side."""


class Span(NamedTuple):
    """What an axis spans."""

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, values: Sequence[float], *, logarithmic: bool = False) -> Span:
        """Span all values and a margin; ``logarithmic`` allows that scale where it helps."""
        low, high = min(values), max(values)
        if logarithmic and low > 0 and high / low >= SPREAD:
            factor = (high / low) ** MARGIN
            return cls(low / factor, high * factor, logarithmic=True)
        margin = MARGIN * (high - low)
        if margin == 0:
            margin = MARGIN * abs(high) or 1.0
        return cls(low - margin, high + margin)

    @property
    def scale(self) -> alt.Scale:
        """The scale of an axis that shows it."""
        kind = "log" if self.logarithmic else "linear"
        ends = [self.low, self.high]
        return alt.Scale(domain=ends, type=kind, nice=False, zero=False)

    def place(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        if self.logarithmic:
            whole = math.log(self.high / self.low)
            return math.log(value / self.low) / whole
        whole = self.high - self.low
        return (value - self.low) / whole


def from_zero(high: float) -> alt.Scale:
    """Return a scale from 0 to exactly ``high``."""
    return alt.Scale(domain=[0, high], nice=False)


class LabelSide(NamedTuple):
    """Where a label stands beside its point, in Vega's words."""

    align: str
    dx: float
    dy: float


SIDES = (
    LabelSide("left", GAP, -GAP),
    LabelSide("right", -GAP, -GAP),
    LabelSide("left", GAP, GAP + 2),
    LabelSide("right", -GAP, GAP + 2),
    LabelSide("center", 0, -2 * GAP),
    LabelSide("center", 0, 2 * GAP),
)


class Spot(NamedTuple):
    """A point with its label, in pixels from the upper left corner."""

    x: float
    y: float
    text: str


SHIFTS = {"left": 0.0, "center": 0.5, "right": 1.0}
"""How much of a label lies left of where it is aligned."""


class Box(NamedTuple):
    """A part of a drawing, in pixels from the upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: Box) -> bool:
        """Whether ``other`` lies within."""
        if other.left < self.left or other.right > self.right:
            return False
        return self.top <= other.top and other.bottom <= self.bottom

    def overlaps(self, other: Box) -> bool:
        """Whether both share a place."""
        left = max(self.left, other.left)
        right = min(self.right, other.right)
        top = max(self.top, other.top)
        bottom = min(self.bottom, other.bottom)
        return left < right and top < bottom


def placed(
    spots: Sequence[Spot],
    width: float,
    height: float,
    urgent: int = 0,
    lines: Sequence[Box] = (),
) -> dict[int, LabelSide]:
    """Return the side of each label that has room, by the spot's number; earlier ones go first.

    Where there is no other room a label lies over ``lines``, and the first ``urgent`` ones over
    points too, if over no other label.
    """
    whole = Box(0, 0, width, height)
    points = [_around(spot) for spot in spots]
    labels: list[Box] = []
    sides: dict[int, LabelSide] = {}
    for number, spot in enumerate(spots):
        side = _free_side(spot, whole, [*points, *labels, *lines])
        if side is None:
            side = _free_side(spot, whole, points + labels)
        if side is None and number < urgent:
            side = _free_side(spot, whole, labels)
        if side is not None:
            sides[number] = side
            labels.append(_box(spot, side))
    return sides


def _free_side(spot: Spot, whole: Box, taken: Sequence[Box]) -> LabelSide | None:
    for side in SIDES:
        box = _box(spot, side)
        overlaps = any(map(box.overlaps, taken))
        if whole.holds(box) and not overlaps:
            return side
    return None


def _around(spot: Spot) -> Box:
    """Return the room that the point itself takes."""
    left = spot.x - RADIUS
    top = spot.y - RADIUS
    return Box(left, top, left + 2 * RADIUS, top + 2 * RADIUS)


def _box(spot: Spot, side: LabelSide) -> Box:
    size = len(spot.text) * LETTER
    shift = SHIFTS[side.align] * size
    left = spot.x + side.dx - shift
    middle = spot.y + side.dy
    top = middle - LINE / 2
    return Box(left, top, left + size, top + LINE)
