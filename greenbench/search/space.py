"""The settings that a search may choose from: a few levels of each knob, and all that combine them.

Levels come from the knob's type: both values of a switch, the choices of a text, and of a number
those that ``--knobs`` names, or that ``greenbench knobs --measure`` tries.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from greenbench.experiment.knob_rules import contradiction
from greenbench.experiment.knob_trials import KnobTrial
from greenbench.experiment.knobs import value_of
from greenbench.options import BASELINE, KnobValue, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

Point: TypeAlias = tuple[int, ...]
"""One setting: the number of the level of each knob."""
LATE = ("power", "clock", "governor")
"""Words in names of knobs that act on the device alone: what they do hardly depends on others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A knob with the levels that are tried."""

    knob: str
    """``stage.name``"""
    levels: tuple[KnobValue, ...]
    """The baseline's value is among them; numbers rise."""
    baseline: int
    """The number of the baseline's level."""
    ordered: bool
    """Whether the levels are numbers."""

    @property
    def late(self) -> bool:
        """Whether it is searched last, at the best setting of the others."""
        stage, _, name = self.knob.partition(".")
        return stage == "system" and any(word in name for word in LATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """All settings of some knobs."""

    axes: tuple[Axis, ...]
    suite: Options = BASELINE
    """The baseline of the suite."""
    _known: dict[Point, str] = field(default_factory=dict, compare=False)
    """Why a point is impossible, once it was asked."""

    @property
    def baseline(self) -> Point:
        """V0."""
        levels = [axis.baseline for axis in self.axes]
        return tuple(levels)

    @property
    def size(self) -> int:
        """How many settings there are, impossible ones included."""
        size = 1
        for axis in self.axes:
            size *= len(axis.levels)
        return size

    def settings(self, point: Point) -> dict[str, KnobValue]:
        """Return the knobs that ``point`` sets off the baseline."""
        changed = {}
        for axis, level in zip(self.axes, point, strict=True):
            if level != axis.baseline:
                changed[axis.knob] = axis.levels[level]
        return changed

    def text(self, point: Point) -> str:
        """Return the settings as ``--set`` takes them, with blanks between; V0's is empty."""
        words = []
        for knob, value in self.settings(point).items():
            words.append(f"{knob}={_written(value)}")
        return " ".join(words)

    def trial(self, point: Point) -> KnobTrial:
        """Return the variant that ``point`` makes."""
        settings = self.settings(point)
        pairs = tuple(settings.items())
        return KnobTrial(pairs, self.text(point), self.suite)

    def impossible(self, point: Point) -> str:
        """Say why the knobs of ``point`` cannot stand together; empty if they can."""
        if point not in self._known:
            options = self.trial(point).options
            self._known[point] = contradiction(options)
        return self._known[point]

    def with_level(self, point: Point, axis: int, level: int) -> Point:
        """Return ``point`` with another level of one knob."""
        levels = list(point)
        levels[axis] = level
        return tuple(levels)

    def every(self) -> Iterator[Point]:
        """Yield all points, impossible ones included."""
        numbers = [range(len(axis.levels)) for axis in self.axes]
        return itertools.product(*numbers)

    def random(self, generator: np.random.Generator) -> Point:
        """Draw a point, which may be impossible."""
        levels = []
        for axis in self.axes:
            drawn = generator.integers(len(axis.levels))
            levels.append(int(drawn))
        return tuple(levels)


def axis_of(knob: str, values: list[KnobValue], suite: Options = BASELINE) -> Axis:
    """Return the axis of ``knob`` with these values and the baseline's, each once."""
    baseline = value_of(suite, knob)
    others: list[KnobValue] = []
    numbers: list[int | float] = []
    for value in dict.fromkeys([baseline, *values]):
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers.append(value)
        else:
            others.append(value)
    numbers.sort()
    levels = (*others, *numbers)
    return Axis(
        knob=knob,
        levels=levels,
        baseline=levels.index(baseline),
        ordered=len(numbers) > 1 and len(others) <= 1,
    )


def _written(value: KnobValue) -> str:
    """Return a value as ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
