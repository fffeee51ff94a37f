"""Follows one cumulative counter through all its readings, so that wraps and faults are seen where they happen.

Readings come from windows' edges and, in between, from the sampler. A track holds no clock and reads nothing itself.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.energy.readings import FINE, Reading, resolution, step

if TYPE_CHECKING:
    from greenbench.machine.energy.readings import Counter

MEMORY = 64
"""Readings that are remembered for the watts at an edge."""
STILL_S = 0.3
"""A counter that stands still so long, and for five update periods, is stuck: every machine draws power all the time."""
STILL_PERIODS = 5
UNREAD_S = 1.0
"""Readings come at least twice a second; where one is so late, what lies between was not followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a track stood at a window's edge."""

    at: float
    joules: float
    faults: int
    dropped: int
    stalled_s: float
    """Seconds so far in which the counter stood still longer than it should."""
    unread_s: float
    """Seconds so far that lay between two readings much too far apart."""
    watts: float | None
    """Over the last moments; None where too little was seen."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    raw: float


class Track:
    """The joules of one counter since its first reading, and what went wrong on the way."""

    def __init__(self, counter: Counter) -> None:
        """Nothing was read yet."""
        self.counter = counter
        self.joules = 0.0
        self.faults: list[str] = []
        self.dropped = 0
        """Readings that the next ones showed to be wrong: they were left out."""
        self.unsure = False
        """Whether the last reading looked impossible: the next one tells whether it or the counter was wrong."""
        self._last: _Sample | None = None
        self._odd: tuple[_Sample, str] | None = None
        self._moved_at = -math.inf
        self._stalled_s = self._unread_s = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=MEMORY)

    def sample(self, at: float, raw: float) -> None:
        """Take in that the counter stood at ``raw`` joules at ``at`` seconds."""
        new = _Sample(at, raw)
        if self._last is None:
            self._accept(new, 0.0)
            return
        if (reading := self._step(self._last, new)).joules is not None:
            self.dropped += self._odd is not None
            self._accept(new, reading.joules)
        elif self._odd is not None and self._step(self._odd[0], new).joules is not None:
            self.faults.append(
                self._odd[1]
            )  # it goes on from where it jumped to: what it did meanwhile is lost
            self._moved_at = new.at
            self._accept(new, 0.0)
        else:
            self._odd, self.unsure = (new, reading.reason), True

    def mark(self) -> Mark:
        """Note where the track stands."""
        if self._last is None:
            raise ValueError(f"{self.counter.name} was never read")
        return Mark(
            at=self._last.at,
            joules=self.joules,
            faults=len(self.faults),
            dropped=self.dropped,
            stalled_s=self._stalled_s + self._standing(),
            unread_s=self._unread_s,
            watts=self._watts(),
        )

    def between(self, start: Mark, end: Mark, seconds: float) -> Reading:
        """Judge a window of ``seconds`` between two marks.

        ``edges`` is what the counter ran longer or shorter than the clock, because reading both takes its time: up to that
        much lies on the wrong side. ``stall`` is what a counter that paused may have lost.
        """
        joules = end.joules - start.joules
        reasons = self.faults[start.faults : end.faults] + (
            [self._odd[1]] if self._odd is not None else []
        )
        if reasons:
            return Reading(reason="; ".join(dict.fromkeys(reasons)))
        if joules <= 0:
            return Reading(
                reason=f"{self.counter.name} did not move in {seconds:.3f} s (it moves about every {self._period})"
            )
        mean = joules / max(seconds, self.counter.quantum_s)
        before, ending = (mean if w is None else w for w in (start.watts, end.watts))
        apart = abs((end.at - start.at) - seconds)
        uncertainty = {
            "resolution": resolution(self.counter.quantum_s, before, ending),
            "edges": apart * mean / math.sqrt(3),
        }
        if (still := max(0.0, end.stalled_s - start.stalled_s)) > 0:
            uncertainty["stall"] = (
                still * joules / max(seconds - still, self.counter.quantum_s) / math.sqrt(3)
            )
        coarse = self.counter.quantum_s > FINE * seconds
        return Reading(
            joules=joules,
            uncertainty=uncertainty,
            coarse=coarse,
            doubts=self._doubts(start, end, seconds),
        )

    def _doubts(self, start: Mark, end: Mark, seconds: float) -> tuple[str, ...]:
        """Say what was seen of the counter in the window that a reader should know."""
        name = self.counter.name
        dropped, still = end.dropped - start.dropped, end.stalled_s - start.stalled_s
        unread = end.unread_s - start.unread_s
        told = (
            f"{dropped} reading(s) of the {name} were impossible and were left out"
            if dropped
            else "",
            f"the {name} stood still for {still:.1f} of {seconds:.1f} s, now and then"
            if still > FINE * seconds
            else "",
            f"the {name} could not be followed for {unread:.1f} of {seconds:.1f} s"
            if unread
            else "",
        )
        return tuple(filter(None, told))

    @property
    def _period(self) -> str:
        return f"{self.counter.update_s:.3g} s"

    def _step(self, one: _Sample, other: _Sample) -> Reading:
        return step(other.raw - one.raw, other.at - one.at, self.counter)

    def _accept(self, new: _Sample, joules: float) -> None:
        if self._last is not None and new.at - self._last.at > UNREAD_S:
            self._unread_s += new.at - self._last.at
        if joules > 0 or self._last is None:
            self._stalled_s += self._standing()
            self._moved_at = new.at
        elif new.at - self._moved_at > self._stuck_after:
            self.faults.append(
                f"{self.counter.name} stood still for {new.at - self._moved_at:.1f} s"
            )
            self._moved_at = new.at  # told; it counts from anew
        self._last, self._odd, self.unsure = new, None, False
        self.joules += joules
        self._recent.append((new.at, self.joules))

    @property
    def _stuck_after(self) -> float:
        return max(STILL_S, STILL_PERIODS * self.counter.update_s)

    def _standing(self) -> float:
        """Return for how long the counter has been seen not to move, where that is longer than it should be."""
        still = self._last.at - self._moved_at if self._last is not None else 0.0
        return still if still > 2 * self.counter.update_s else 0.0

    def _watts(self) -> float | None:
        """Mean watts over the last moments, long enough for a few updates of the counter."""
        at, joules = self._recent[-1]
        enough = max(0.2, 3 * self.counter.quantum_s)
        then = next(((t, j) for t, j in reversed(self._recent) if at - t >= enough), None)
        return None if then is None else (joules - then[1]) / (at - then[0])
