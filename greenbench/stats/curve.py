"""The curve of a cell's energy and time over settings of the machine, and which of its points are the best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.types import Quantity

SLOWER = 1.05
"""A point that takes at most so many times the time of the machine as it is loses almost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the cell took with some settings."""

    settings: Mapping[str, float]
    """Knob of the system stage to its value; empty for the machine as it is."""
    seconds: Mapping[str, float]
    """By stage, the mean of the rounds."""
    joules: Mapping[str, Quantity]
    """By stage, and ``both``."""
    sources: tuple[str, ...] = ()
    note: str = ""
    """Why there are no numbers: the settings could not be made."""

    @property
    def time_s(self) -> float:
        """Seconds of training and inference."""
        return sum(self.seconds.values())

    @property
    def energy_j(self) -> float:
        """Joules of training and inference; infinite where they are not known."""
        value = self.joules["both"].value if "both" in self.joules else None
        return math.inf if value is None else value


def settings(knobs: Sequence[str], fractions: Sequence[float]) -> Iterator[dict[str, float]]:
    """Yield the settings to try: none, then each knob by itself at each fraction."""
    yield {}
    yield from ({knob: fraction} for knob in knobs for fraction in fractions)


def least(points: Sequence[Point]) -> Point | None:
    """Return the point of the least energy, None where no energy is known."""
    known = [p for p in points if not p.note and math.isfinite(p.energy_j)]
    return min(known, key=lambda p: p.energy_j) if known else None


def least_without_loss(points: Sequence[Point]) -> Point | None:
    """Return the point of the least energy among those that are at most 5 % slower than the machine as it is."""
    return least([p for p in points if not p.note and p.time_s <= SLOWER * points[0].time_s])
