"""Follows one cumulative counter through all its readings, so that wraps and faults are located.

Readings come from the edges of windows and, in between, from the sampler. A track holds no clock
and reads nothing itself.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.energy.gaps import Hidden, History, hidden
from greenbench.machine.energy.readings import FINE, Reading, digits, resolution, step

if TYPE_CHECKING:
    from greenbench.machine.energy.readings import Counter

MEMORY = 64
"""Readings that are remembered to compute the watts at an edge."""
STILL_S = 0.3
"""A counter that stands still this long, and for five update periods, is stuck.

Every machine draws power all the time.
"""
STILL_PERIODS = 5
UNREAD_S = 1.0
"""Readings come at least twice a second; a longer pause means that the counter was not followed."""
RECENT_S = 0.2
"""The watts at an edge are a mean over at least this long, and over three update periods."""
RECENT_PERIODS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The state of a track at a window's edge."""

    at: float
    joules: float
    faults: int
    dropped: int
    remembered: int
    """Readings so far that the track's history holds."""
    unread_s: float
    """Seconds so far between readings that were too far apart."""
    watts: float | None
    """Over the last moments; None if there were too few readings."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    raw: float


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A reading that looked impossible, until the next one shows whether it was wrong."""

    sample: _Sample
    reason: str


class Track:
    """The joules of one counter since its first reading, and its faults on the way."""

    def __init__(self, counter: Counter) -> None:
        """Start without any reading."""
        self.counter = counter
        self.joules = 0.0
        self.faults: list[str] = []
        self.dropped = 0
        """Readings that were left out because the next ones showed them to be wrong."""
        self._last: _Sample | None = None
        self._suspect: _Suspect | None = None
        self._moved_at = -math.inf
        self._history = History()
        self._unread_s = 0.0
        self._recent: deque[tuple[float, float]] = deque(maxlen=MEMORY)

    @property
    def unsure(self) -> bool:
        """Whether the last reading looked impossible, until the next one confirms or refutes it."""
        return self._suspect is not None

    def sample(self, at: float, raw: float) -> None:
        """Add the reading that the counter stood at ``raw`` joules at ``at`` seconds."""
        new = _Sample(at, raw)
        if self._last is None:
            self._accept(new, 0.0)
            return
        reading = self._step(self._last, new)
        if reading.joules is not None:
            if self._suspect is not None:
                self.dropped += 1
            self._accept(new, reading.joules)
        elif self._suspect is not None and self._continues(self._suspect.sample, new):
            # The counter goes on from where it jumped to: what it counted meanwhile is lost.
            self.faults.append(self._suspect.reason)
            self._moved_at = new.at
            self._accept(new, 0.0)
        else:
            self._suspect = _Suspect(new, reading.reason)

    def mark(self) -> Mark:
        """Return the state of the track; raises ValueError before the first reading."""
        if self._last is None:
            raise ValueError(f"{self.counter.name} was never read")
        return Mark(
            at=self._last.at,
            joules=self.joules,
            faults=len(self.faults),
            dropped=self.dropped,
            remembered=len(self._history),
            unread_s=self._unread_s,
            watts=self._watts(),
        )

    def between(self, start: Mark, end: Mark, seconds: float) -> Reading:
        """Return the joules of the window of ``seconds`` between two marks, or None and why."""
        reasons = self.faults[start.faults : end.faults]
        if self._suspect is not None:
            reasons.append(self._suspect.reason)
        if reasons:
            return Reading(reason="; ".join(dict.fromkeys(reasons)))
        joules = end.joules - start.joules
        if joules <= 0:
            period = f"it moves about every {self.counter.update_s:.3g} s"
            reason = f"{self.counter.name} did not move in {seconds:.3f} s ({period})"
            return Reading(reason=reason)
        faults = self._hidden(start, end)
        uncertainty = _uncertainty(self.counter, start, end, seconds) | _fault_joules(faults)
        edge_warnings = _warnings(self.counter, start, end, seconds)
        return Reading(
            joules=joules,
            uncertainty=uncertainty,
            coarse=self.counter.quantum_s > FINE * seconds,
            doubts=(*edge_warnings, *_fault_warnings(self.counter, faults, joules, seconds)),
        )

    def _step(self, earlier: _Sample, later: _Sample) -> Reading:
        return step(later.raw - earlier.raw, later.at - earlier.at, self.counter)

    def _continues(self, earlier: _Sample, later: _Sample) -> bool:
        """Whether ``later`` is a plausible successor of ``earlier``."""
        return self._step(earlier, later).joules is not None

    def _accept(self, new: _Sample, joules: float) -> None:
        if self._last is not None:
            pause_s = new.at - self._last.at
            if pause_s > UNREAD_S:
                self._unread_s += pause_s
        if joules > 0 or self._last is None:
            self._moved_at = new.at
        else:
            self._note_standstill(new.at)
        self._last = new
        self._suspect = None
        self.joules += joules
        self._recent.append((new.at, self.joules))
        self._history.add(new.at, self.joules)

    def _note_standstill(self, now: float) -> None:
        still_s = now - self._moved_at
        if still_s > max(STILL_S, STILL_PERIODS * self.counter.update_s):
            self.faults.append(f"{self.counter.name} stood still for {still_s:.1f} s")
            self._moved_at = now  # this standstill is noted: the next one begins here

    def _hidden(self, start: Mark, end: Mark) -> Hidden:
        edges = (start.at, start.joules), (end.at, end.joules)
        stretches = self._history.stretches(*edges, start.remembered)
        return hidden(stretches, start.watts, self.counter.update_s, self.counter.quantum_s)

    def _watts(self) -> float | None:
        """Return the mean watts over the last few updates of the counter."""
        at, joules = self._recent[-1]
        span_s = max(RECENT_S, RECENT_PERIODS * self.counter.quantum_s)
        for earlier_at, earlier_joules in reversed(self._recent):
            if at - earlier_at >= span_s:
                return (joules - earlier_joules) / (at - earlier_at)
        return None


def _uncertainty(counter: Counter, start: Mark, end: Mark, seconds: float) -> dict[str, float]:
    """Return the standard uncertainties in joules that the edges of a window leave, by cause.

    ``resolution`` is that of the counter. ``edges`` is what the counter ran longer or shorter than
    the clock, because reading both takes time: up to that much lies on the wrong side.
    """
    quantum_s = counter.quantum_s
    joules = end.joules - start.joules
    mean_w = joules / max(seconds, quantum_s)
    before_w = mean_w if start.watts is None else start.watts
    end_w = mean_w if end.watts is None else end.watts
    edges_s = abs((end.at - start.at) - seconds)
    lag = resolution(quantum_s, before_w, end_w)
    return {
        "resolution": math.hypot(lag, digits(counter.step_j)),
        "edges": edges_s * mean_w / math.sqrt(3),
    }


def _fault_joules(faults: Hidden) -> dict[str, float]:
    """Return the standard uncertainties in joules that possible faults leave in a window, by cause.

    ``stall`` is what a counter that paused or fell may have lost, ``jump`` what one that jumped may
    have added. Each joule of that is as likely as any other (JCGM 100:2008, 4.3.7).
    """
    joules = {"stall": faults.paused_j + faults.dip_j, "jump": faults.jump_j}
    return {cause: most / math.sqrt(3) for cause, most in joules.items() if most > 0}


def _warnings(counter: Counter, start: Mark, end: Mark, seconds: float) -> tuple[str, ...]:
    """Return what a reader should know of the counter's readings in the window."""
    warnings = []
    dropped = end.dropped - start.dropped
    if dropped:
        warnings.append(
            f"{dropped} reading(s) of the {counter.name} were impossible and were left out"
        )
    unread_s = end.unread_s - start.unread_s
    if unread_s:
        warnings.append(f"the {counter.name} was not read for {unread_s:.1f} of {seconds:.1f} s")
    return tuple(warnings)


def _fault_warnings(
    counter: Counter, faults: Hidden, joules: float, seconds: float
) -> tuple[str, ...]:
    """Return the faults that may have changed a window's joules by more than 5 %."""
    warnings = []
    if faults.paused_s > FINE * seconds:
        pauses = f"{faults.paused_s:.1f} of {seconds:.1f} s, now and then"
        warnings.append(f"the {counter.name} stood still for {pauses}")
    for possible_j, fewer, fault in (
        (faults.dip_j, "fewer", "a standstill or a fall"),
        (faults.jump_j, "more", "a jump"),
    ):
        if possible_j > FINE * joules:
            warnings.append(
                f"the {counter.name} counted {possible_j:.1f} J {fewer} in one moment than before "
                f"and after it: work of that moment, or {fault} of the counter; the +- holds both"
            )
    return tuple(warnings)
