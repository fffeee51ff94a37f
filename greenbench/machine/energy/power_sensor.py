"""A GPU's power sensor, integrated over time beside its energy counter, to check the counter.

The sensor is read ten times a second and its readings are joined by straight lines (the trapezoidal
rule). It checks the counter and is never the source of joules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.machine.energy.readings import Counter, Reading

TOLERANCE = 0.05
"""Relative difference between counter and sensor above which there is a warning."""
GAP_S = 0.5
"""A longer silence of the sensor cannot be bridged by a straight line."""
SAMPLES = 10
"""Fewer readings of the power do not make an integral."""


@dataclass(frozen=True, slots=True)
class PowerMark:
    """The state of the integral at one moment, or the difference between two."""

    joules: float
    samples: int
    gaps: int
    """Number of silences too long to be bridged."""
    silent: bool
    """Whether the sensor is silent for too long at this edge."""


class PowerTrace:
    """The integral of watts since the first sample."""

    def __init__(self) -> None:
        """Start without any sample."""
        self._joules = 0.0
        self._samples = 0
        self._gaps = 0
        self._last: tuple[float, float] | None = None

    def sample(self, at: float, watts: float) -> None:
        """Add the sample that the device drew ``watts`` at ``at`` seconds."""
        if self._last is not None:
            last_at, last_watts = self._last
            elapsed = at - last_at
            self._joules += (watts + last_watts) / 2 * elapsed
            if elapsed > GAP_S:
                self._gaps += 1
        self._last = at, watts
        self._samples += 1

    def mark(self, at: float) -> PowerMark:
        """Return the state of the integral at ``at`` seconds."""
        silent = self._last is None or at - self._last[0] > GAP_S
        return PowerMark(self._joules, self._samples, self._gaps, silent)

    def between(self, start: PowerMark, end: PowerMark) -> PowerMark:
        """Return joules, samples and gaps of the window between two marks."""
        return PowerMark(
            joules=end.joules - start.joules,
            samples=end.samples - start.samples,
            gaps=end.gaps - start.gaps,
            silent=start.silent or end.silent,
        )


def cross_checked(reading: Reading, power: PowerMark, seconds: float, counter: Counter) -> Reading:
    """Compare a counter's joules with the integrated power if the window is long enough for both.

    The difference becomes an uncertainty: the truth may lie anywhere between the two, and as far on
    the other side (a rectangular distribution of that half-width, JCGM 100:2008, 4.3.7). Above 5 %
    there is a warning as well.
    """
    if reading.joules is None or reading.coarse or not _complete(power):
        return reading
    difference = abs(reading.joules - power.joules)
    uncertainty = {**reading.uncertainty, "cross_sensor": difference / math.sqrt(3)}
    if difference <= TOLERANCE * reading.joules:
        return replace(reading, uncertainty=uncertainty)
    percent = 100 * difference / reading.joules
    doubt = (
        f"the {counter.name} counted {reading.joules:.1f} J in {seconds:.1f} s and its power "
        f"sensor gives {power.joules:.1f} J: they differ by {percent:.0f} %"
    )
    return replace(reading, uncertainty=uncertainty, doubts=(*reading.doubts, doubt))


def _complete(power: PowerMark) -> bool:
    """Whether the sensor covered the whole window."""
    return power.samples >= SAMPLES and not power.gaps and not power.silent
