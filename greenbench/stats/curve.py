"""The curve of a cell's energy and time over device settings, and its best points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.types import Quantity

SLOWER = 1.05
"""A point that takes at most so many times the time of the default settings loses little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the cell took with some device settings."""

    settings: Mapping[str, float]
    """Knob of the system stage to its value; empty for the default settings."""
    seconds: Mapping[str, float]
    """By stage, the mean of the rounds."""
    joules: Mapping[str, Quantity]
    """By stage, and ``both``."""
    sources: tuple[str, ...] = ()
    note: str = ""
    """Why there are no numbers: the settings could not be applied."""

    @property
    def time_s(self) -> float:
        """Seconds of training and inference."""
        return sum(self.seconds.values())

    @property
    def energy_j(self) -> float:
        """Joules of training and inference; infinite where they are not known."""
        if "both" not in self.joules:
            return math.inf
        value = self.joules["both"].value
        return math.inf if value is None else value


def settings(knobs: Sequence[str], fractions: Sequence[float]) -> Iterator[dict[str, float]]:
    """Yield the settings to try: none, then each knob by itself at each fraction."""
    yield {}
    for knob in knobs:
        for fraction in fractions:
            yield {knob: fraction}


def least(points: Sequence[Point]) -> Point | None:
    """Return the point of the least energy, None where no energy is known."""
    known = [p for p in points if not p.note and math.isfinite(p.energy_j)]
    return min(known, key=lambda p: p.energy_j, default=None)


def least_without_loss(points: Sequence[Point]) -> Point | None:
    """Return the point of the least energy of those at most 5 % slower than the first point.

    The first point is the one of the default settings.
    """
    longest = SLOWER * points[0].time_s
    return least([p for p in points if not p.note and p.time_s <= longest])
