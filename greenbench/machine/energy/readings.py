"""What one counter's joules are worth: checked for plausibility and given their uncertainty.

Knows neither Zeus nor devices; pure arithmetic. Uncertainties are standard uncertainties (one
sigma) in joules, after the Guide to the Expression of Uncertainty in Measurement (JCGM 100:2008);
docs/measurement.md derives each formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GPU_WATTS = 1500.0
"""More than any one card or superchip draws (a Blackwell GPU: up to 1200 W)."""
PACKAGE_WATTS = 1000.0
"""More than any CPU socket draws (today's largest: 500 W; Zeus assumes 1000 W too)."""
DRAM_WATTS = 500.0
"""More than the memory of one socket draws (24 modules of at most 20 W)."""
NVML_UPDATE_S = 0.1
"""Assumed update period of NVML's energy counter if it could not be measured."""
RAPL_UPDATE_S = 0.001
"""Update period of RAPL's counters (Intel SDM vol. 3B, RAPL interfaces) if it was not measured."""
EDGE_S = 0.05
"""Between two readings a counter may run this much longer than our clock, plus an update period."""
FINE = 0.05
"""A window is coarse if one update period of the counter is more than this share of it."""
WRAP_TOLERANCE = 1e-12
"""In ranges: a difference of floats that is a hair below 0 is 0, and not a whole wrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Joules, or None and the reason; with their standard uncertainties in joules by cause."""

    joules: float | None = None
    reason: str = ""
    uncertainty: Mapping[str, float] = field(default_factory=dict)
    coarse: bool = False
    doubts: tuple[str, ...] = ()
    """Warnings about the joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What is known of an energy counter."""

    name: str
    """As a person reads it: ``RAPL counter of package-0``."""
    max_watts: float
    update_s: float
    wraps_at_j: float | None = None
    """How many joules until it starts again at 0; None if it never does."""
    read_s: float = 0.0
    """How long one reading takes."""
    step_j: float = 0.0
    """It shows whole multiples of this alone; 0 if its steps are too fine to matter."""

    @property
    def quantum_s(self) -> float:
        """How far a reading may lag behind its request: an update period and the reading itself."""
        return self.update_s + self.read_s

    def most_joules(self, seconds: float) -> float:
        """Return the plausible maximum between two readings that are ``seconds`` apart."""
        return self.max_watts * (seconds + self.update_s + EDGE_S)


def step(moved: float, seconds: float, counter: Counter) -> Reading:
    """Return the joules between two readings of ``counter``, ``seconds`` apart.

    ``moved`` is the difference of the readings. Joules are accepted if the counter's plausible
    watts allow them. A counter that wraps has passed its end k times: if exactly one k gives
    plausible joules, those are certain, wherever the wraps lie. If several do, or none, the joules
    are None.
    """
    most = counter.most_joules(seconds)
    range_j = counter.wraps_at_j
    if range_j is None:
        if 0 <= moved <= most:
            return Reading(joules=moved)
        return Reading(reason=_implausible(moved, seconds, counter))
    fewest_wraps = max(0, math.ceil(-moved / range_j - WRAP_TOLERANCE))
    joules = moved + fewest_wraps * range_j
    if joules > most:
        return Reading(reason=_implausible(moved, seconds, counter))
    if moved + (fewest_wraps + 1) * range_j <= most:
        pause = f"in the {seconds:.1f} s between two readings"
        return Reading(reason=f"{counter.name} may have wrapped more than once {pause}")
    return Reading(joules=max(0.0, joules))


def _implausible(moved: float, seconds: float, counter: Counter) -> str:
    if moved < 0:
        return f"{counter.name} went backwards by {-moved:.1f} J"
    limit = f"more than {counter.max_watts:.0f} W allow"
    return f"{counter.name} moved by {moved:.1f} J in {seconds:.3f} s, {limit}"


def resolution(quantum_s: float, before_w: float, end_w: float) -> float:
    """Return the standard uncertainty in joules that a counter's quantum leaves in a window.

    At either edge the counter shows its value of some moment within the last ``quantum_s``, each
    moment equally likely (a rectangular distribution, JCGM 100:2008, 4.3.7). The window thus gains
    up to ``before_w * quantum_s``, at the watts before it began, and loses up to
    ``end_w * quantum_s``, at the watts before it ended. Returned is the root of the mean square of
    gain minus loss; for equal watts w it is ``w * quantum_s / sqrt(6)``.
    """
    spread = (before_w**2 + end_w**2) / 12
    offset = (before_w - end_w) ** 2 / 4
    return quantum_s * math.sqrt(spread + offset)


def digits(step_j: float) -> float:
    """Return the standard uncertainty in joules that rounding to ``step_j`` at both edges leaves.

    Each edge shows up to one step too few, any part of it equally likely: two rectangular
    distributions, whose difference is triangular (JCGM 100:2008, 4.3.9).
    """
    return step_j / math.sqrt(6)


def total(readings: Sequence[Reading]) -> Reading:
    """Sum readings of like counters, whose uncertainties are independent and add in quadrature.

    The sum is None with all reasons if one of them is None, or if there are no readings.
    """
    joules = [r.joules for r in readings if r.joules is not None]
    if not joules or len(joules) != len(readings):
        return Reading(reason=_reasons(readings))
    doubts: dict[str, None] = {}
    for reading in readings:
        doubts.update(dict.fromkeys(reading.doubts))
    return Reading(
        joules=sum(joules),
        uncertainty=_quadrature(readings),
        coarse=any(reading.coarse for reading in readings),
        doubts=tuple(doubts),
    )


def _reasons(readings: Sequence[Reading]) -> str:
    reasons = dict.fromkeys(reading.reason for reading in readings)
    return "; ".join(filter(None, reasons)) or "nothing was read"


def _quadrature(readings: Sequence[Reading]) -> dict[str, float]:
    """Return, for each cause, the root of the sum of squares; a missing cause counts as 0."""
    causes: dict[str, None] = {}
    for reading in readings:
        causes.update(dict.fromkeys(reading.uncertainty))
    combined = {}
    for cause in causes:
        parts = [reading.uncertainty.get(cause, 0.0) for reading in readings]
        combined[cause] = math.hypot(*parts)
    return combined
