"""A GPU's power sensor, integrated over time, beside its energy counter: two instruments that must agree.

The sensor is read ten times a second and joined by straight lines (the trapezoidal rule); it is the check, never the source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.machine.energy.readings import Counter, Reading

TOLERANCE = 0.05
"""Disagreement above which a reader should know."""
GAP_S = 0.5
SAMPLES = 10
"""Fewer readings of the power do not make an integral."""


@dataclass(frozen=True, slots=True)
class PowerMark:
    """Where the integral stood."""

    joules: float
    samples: int
    gaps: int
    """Times that the sensor was silent for too long to join what lies on either side."""
    silent: bool
    """Whether it is, at this edge."""


class PowerTrace:
    """The integral of watts since the first sample."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._joules, self._samples, self._gaps = 0.0, 0, 0
        self._last: tuple[float, float] | None = None

    def sample(self, at: float, watts: float) -> None:
        """Take in that the device drew ``watts`` at ``at`` seconds."""
        if self._last is not None:
            then, before = self._last
            self._joules += (watts + before) / 2 * (at - then)
            self._gaps += at - then > GAP_S
        self._last = at, watts
        self._samples += 1

    def mark(self, at: float) -> PowerMark:
        """Note where the integral stands at ``at``; a sensor that has not answered for long leaves a gap there."""
        silent = self._last is None or at - self._last[0] > GAP_S
        return PowerMark(self._joules, self._samples, self._gaps, silent)

    def between(self, start: PowerMark, end: PowerMark) -> PowerMark:
        """Return joules, samples and gaps of a window."""
        return PowerMark(
            end.joules - start.joules,
            end.samples - start.samples,
            end.gaps - start.gaps,
            start.silent or end.silent,
        )


def cross_checked(reading: Reading, power: PowerMark, seconds: float, counter: Counter) -> Reading:
    """Hold a counter's joules against the integrated power where the window is long enough for both.

    The difference becomes an uncertainty: the truth may lie anywhere between the two and as far on the other side (a
    rectangular distribution of that half-width, JCGM 100:2008, 4.3.7). Above 5 % it is a doubt as well.
    """
    if (
        reading.joules is None
        or reading.coarse
        or power.samples < SAMPLES
        or power.gaps
        or power.silent
    ):
        return reading
    apart = abs(reading.joules - power.joules)
    uncertainty = {**reading.uncertainty, "cross_sensor": apart / math.sqrt(3)}
    if apart <= TOLERANCE * reading.joules:
        return replace(reading, uncertainty=uncertainty)
    doubt = (
        f"the {counter.name} counted {reading.joules:.1f} J in {seconds:.1f} s and its power sensor gives "
        f"{power.joules:.1f} J: they differ by {100 * apart / reading.joules:.0f} %"
    )
    return replace(reading, uncertainty=uncertainty, doubts=(*reading.doubts, doubt))
