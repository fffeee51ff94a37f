"""What is measured: one round of V0 and of each of some points, in one block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.search.space import Point

SCREENING, SEARCH, LATE, CONFIRMATION = "screening", "search", "late", "confirmation"
"""The phases of a search; ``late`` is that of power limits and clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointReading:
    """One round of a point."""

    value: float | None = None
    """What is minimised: joules, seconds; None if it is unknown, or the cell failed."""
    uncertainty: float = 0.0
    """Standard uncertainty of ``value`` by its instrument, of its own in each round."""
    systematic: float = 0.0
    """That which all rounds of a point share, and which V0's does not cancel."""
    seconds: float | None = None
    margin: float | None = None
    """By how much the score is better than the constraint asks, on the rows that V0 answered too.

    It is in the score's unit; below 0 the score is not kept."""
    low: float | None = None
    """The bounds of its 95 % interval for these rows; None if the score has no interval."""
    high: float | None = None
    flaw: str = ""
    """Why the point cannot win, whatever it saves; empty if it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlan:
    """What to measure next."""

    number: int
    """Of all blocks before the confirmation, or of those of the confirmation, from 0."""
    phase: str
    points: tuple[Point, ...]
    """Beside V0, which comes first."""

    @property
    def confirms(self) -> bool:
        """Whether it is measured on test rows and fresh seeds."""
        return self.phase == CONFIRMATION

    @property
    def backwards(self) -> bool:
        """Whether V0 comes last: a drift then strikes it as often after as before the others."""
        return self.confirms and self.number % 2 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBlock:
    """A block, with V0 and each point measured once, within minutes."""

    plan: BlockPlan
    baseline: PointReading
    readings: Mapping[Point, PointReading]
    joules: float | None
    """That all of it took; None if they are unknown."""
    seconds: float
    source: str = ""
    """Where the joules come from, by channel."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """What all blocks of a search must share: machine, data, model, by name."""


class Evaluator(Protocol):
    """Measures points: cells of a suite, or a simulated space."""

    def refusal(self, point: Point) -> str:
        """Say why a point cannot be measured here; empty if it can."""
        ...

    def measure(self, plan: BlockPlan) -> SearchBlock:
        """Measure V0 and the points: on validation rows, or on test rows to confirm."""
        ...
