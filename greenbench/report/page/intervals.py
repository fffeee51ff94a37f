"""Where ratios and their intervals stand on one logarithmic axis, the same for all cells.

``page.html`` draws them; colours come from the page's style sheet, and a shape tells what they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.gates.changes import Change

WIDTH, MARGIN = 150.0, 8.0
"""Of a drawing, in its own units."""
NARROWEST, WIDEST = 0.5, 2.0
"""The axis shows at least this range, so that small differences look small."""
LEAST, MOST = 1 / 32, 32.0
"""And at most this one; an interval that leaves it ends in an arrow."""
FEW_TICKS = 7


class IntervalPlaces(NamedTuple):
    """Where a change stands: its value, its bounds, and the line of no change."""

    low: float
    value: float
    high: float
    one: float
    leaves_low: bool
    """Whether the interval goes on beyond the axis."""
    leaves_high: bool


class Tick(NamedTuple):
    """A mark of the axis."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class LogAxis:
    """A logarithmic axis of ratios."""

    low: float
    high: float

    @classmethod
    def of(cls, changes: Iterable[Change]) -> LogAxis:
        """Return the axis on which all ``changes`` find room, as far as ``MOST`` allows."""
        low, high = NARROWEST, WIDEST
        for change in changes:
            low = min(low, change.low)
            high = max(high, change.high)
        return cls(max(low, LEAST), min(high, MOST))

    def place(self, ratio: float) -> float:
        """Return where a ratio stands, in the drawing's units; outside ones at the edge."""
        inside = min(max(ratio, self.low), self.high)
        above = math.log(inside / self.low)
        share = above / math.log(self.high / self.low)
        room = WIDTH - 2 * MARGIN
        return round(MARGIN + share * room, 1)

    @property
    def ticks(self) -> list[Tick]:
        """Powers of two, every second one where there are many."""
        first = math.ceil(math.log2(self.low))
        last = math.floor(math.log2(self.high))
        step = 1 if last - first < FEW_TICKS else 2
        ticks = []
        for power in range(first, last + 1):
            if power % step == 0:
                ratio = 2.0**power
                ticks.append(Tick(self.place(ratio), f"{ratio:g}"))
        return ticks

    def places(self, change: Change) -> IntervalPlaces:
        """Return where a change stands."""
        low = self.place(change.low)
        value = self.place(change.value)
        high = self.place(change.high)
        one = self.place(1)
        leaves_low = change.low < self.low
        leaves_high = change.high > self.high
        return IntervalPlaces(low, value, high, one, leaves_low, leaves_high)
