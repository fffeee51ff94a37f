"""What a fault between two readings may have hidden: a standstill, a fall or a jump.

A counter that pauses or falls for less time than lies between two readings shows no impossible
reading. It shows a stretch with fewer joules than the stretches on both sides, and one that jumps a
stretch with more. Work that pauses, or comes in a burst, looks the same: nobody can tell, so the
difference is no correction, but the half-width of a rectangular distribution (JCGM 100:2008,
4.3.7).
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPACING_S = 0.05
"""Readings closer to each other are not remembered: half of the sampler's interval."""
FEWEST_PERIODS = 5
"""Watts over fewer update periods are known too badly to compare with."""
GOOD_PERIODS = 10
"""Update periods over which the watts beside a stretch are averaged, if there are so many."""
PAUSE_PERIODS = 2
"""A counter that shows the same joules for longer than this stands still."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time between two readings, and the joules that were counted in it."""

    seconds: float
    joules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What faults may have done to a window's joules."""

    paused_s: float = 0.0
    """Seconds in which the counter was seen to stand still."""
    paused_j: float = 0.0
    """Joules that it may have lost by that, all pauses together."""
    dip_j: float = 0.0
    """Most joules that one shorter pause or fall, which no reading proves, may have lost."""
    jump_j: float = 0.0
    """Most joules that one jump, which no reading proves, may have added."""


class History:
    """A counter's readings since the first one, ``SPACING_S`` or more apart."""

    def __init__(self) -> None:
        """Start without any reading."""
        self._at = array("d")
        self._joules = array("d")

    def __len__(self) -> int:
        """Return the number of remembered readings."""
        return len(self._at)

    def add(self, at: float, joules: float) -> None:
        """Remember that ``joules`` were counted until ``at`` seconds."""
        if not self._at or at - self._at[-1] >= SPACING_S:
            self._at.append(at)
            self._joules.append(joules)

    def stretches(
        self, start: tuple[float, float], end: tuple[float, float], first: int
    ) -> list[Stretch]:
        """Return what lies between ``start`` and ``end``, times and joules of a window's edges.

        ``first`` is the number of readings that were remembered at the window's start.
        """
        stretches = []
        last_at, last_joules = start
        for at, joules in zip(self._at[first:], self._joules[first:], strict=True):
            if at >= end[0]:
                break
            stretches.append(Stretch(at - last_at, joules - last_joules))
            last_at, last_joules = at, joules
        stretches.append(Stretch(end[0] - last_at, end[1] - last_joules))
        return stretches


def hidden(
    stretches: Sequence[Stretch], before_w: float | None, update_s: float, quantum_s: float
) -> Hidden:
    """Return what faults may have hidden in a window's ``stretches``.

    ``before_w`` are the watts before the window, None if unknown. A counter that is updated every
    ``update_s`` shows joules that are up to ``quantum_s`` old. Two stretches or fewer cannot be
    compared with a third: for them, nothing is known of faults that no single reading shows.
    """
    if len(stretches) < 3:  # noqa: PLR2004  one, and its neighbours on both sides
        return Hidden()
    return _Comparison(stretches, before_w, update_s, quantum_s).hidden()


class _Comparison:
    """A window's stretches, each compared with those beside it."""

    def __init__(
        self,
        stretches: Sequence[Stretch],
        before_w: float | None,
        update_s: float,
        quantum_s: float,
    ) -> None:
        self._stretches = stretches
        self._before_w = before_w
        self._update_s = update_s
        self._quantum_s = quantum_s

    def hidden(self) -> Hidden:
        """Return what faults may have hidden in the window."""
        paused_s = paused_j = 0.0
        for first, last in self._pauses():
            paused_s += _sum(self._stretches[first : last + 1]).seconds
            paused_j += self._lost(max(first - 1, 0), min(last + 1, len(self._stretches) - 1))
        dips, jumps = [0.0], [0.0]
        for first in range(len(self._stretches)):
            jumps.append(self._surplus(first))
            # A pause that no reading falls into twice touches at most two stretches.
            for last in (first, first + 1):
                dips.append(self._deficit(first, last))
        return Hidden(paused_s=paused_s, paused_j=paused_j, dip_j=max(dips), jump_j=max(jumps))

    def _pauses(self) -> list[tuple[int, int]]:
        """Return the first and the last stretch of each standstill that readings prove."""
        pauses = []
        first = None
        for number, stretch in enumerate([*self._stretches, Stretch(0.0, 1.0)]):
            if stretch.joules <= 0:
                first = number if first is None else first
            elif first is not None:
                seconds = _sum(self._stretches[first:number]).seconds
                if seconds > PAUSE_PERIODS * self._update_s:
                    pauses.append((first, number - 1))
                first = None
        return pauses

    def _lost(self, first: int, last: int) -> float:
        """Return the joules that may be missing between two stretches.

        A pause began in the first and ended in the last; the most watts that are known count.
        """
        watts = [self._mean_w(), *self._beside(first, last)]
        around = _sum(self._stretches[first : last + 1])
        return max(0.0, max(watts) * around.seconds - around.joules)

    def _mean_w(self) -> float:
        """Return the watts of the window without the stretches in which nothing was counted."""
        moving = _sum([stretch for stretch in self._stretches if stretch.joules > 0])
        return moving.joules / moving.seconds if moving.seconds else 0.0

    def _deficit(self, first: int, last: int) -> float:
        """Return the joules that stretches below both of their neighbours may have lost."""
        inside = self._stretches[first : last + 1]
        watts = self._beside(first, last)
        if last >= len(self._stretches) or not watts or any(s.joules <= 0 for s in inside):
            return 0.0
        inner = _sum(inside)
        deficit = min(watts) * inner.seconds - inner.joules
        if deficit <= self._noise(min(watts), inner.seconds):
            return 0.0
        # Nobody knows which of the two watts would have gone on: the higher lose more.
        return max(watts) * inner.seconds - inner.joules

    def _surplus(self, number: int) -> float:
        """Return the joules by which a stretch lies above both of its neighbours."""
        watts = self._beside(number, number)
        if not watts:
            return 0.0
        inner = self._stretches[number]
        surplus = inner.joules - max(watts) * inner.seconds
        return surplus if surplus > self._noise(max(watts), inner.seconds) else 0.0

    def _noise(self, watts: float, seconds: float) -> float:
        """Return the joules by which the counter's resolution alone can make a difference."""
        return watts * self._quantum_s * math.hypot(1, seconds / self._span_s)

    @property
    def _span_s(self) -> float:
        return max(SPACING_S, GOOD_PERIODS * self._quantum_s)

    def _beside(self, first: int, last: int) -> list[float]:
        """Return the watts before ``first`` and after ``last``, as far as they are known."""
        before = self._watts(range(first - 1, -1, -1))
        after = self._watts(range(last + 1, len(self._stretches)))
        if before is None:
            before = self._before_w
        return [watts for watts in (before, after) if watts is not None]

    def _watts(self, numbers: Iterable[int]) -> float | None:
        """Return the watts of the first of the stretches ``numbers`` that are long enough."""
        seconds = joules = 0.0
        for number in numbers:
            seconds += self._stretches[number].seconds
            joules += self._stretches[number].joules
            if seconds >= self._span_s:
                break
        if seconds < FEWEST_PERIODS * self._quantum_s:
            return None
        return joules / seconds


def _sum(stretches: Sequence[Stretch]) -> Stretch:
    seconds = sum(stretch.seconds for stretch in stretches)
    return Stretch(seconds, sum(stretch.joules for stretch in stretches))
