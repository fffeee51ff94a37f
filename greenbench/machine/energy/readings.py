"""What one counter's joules are worth: judged against what is physically possible, and given their uncertainty.

Knows neither Zeus nor devices; pure arithmetic. Uncertainties are standard uncertainties (one sigma) in joules, after the
Guide to the Expression of Uncertainty in Measurement (JCGM 100:2008); docs/measurement.md derives each formula.
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
"""NVML's energy counter moves about this often, where its period could not be measured."""
RAPL_UPDATE_S = 0.001
"""RAPL's counters move about this often (Intel SDM vol. 3B, RAPL interfaces), where it could not be measured."""
EDGE_S = 0.05
"""Between two readings a counter may run this much longer than our clock, besides one update period of its own."""
FINE = 0.05
"""A window is coarse where one update period of the counter is more than this part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Joules, or None and the reason; with their standard uncertainties in joules by cause."""

    joules: float | None = None
    reason: str = ""
    uncertainty: Mapping[str, float] = field(default_factory=dict)
    coarse: bool = False
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What is known of an energy counter."""

    name: str
    """As a person reads it: ``RAPL counter of package-0``."""
    max_watts: float
    update_s: float
    wraps_at_j: float | None = None
    """How many joules until it starts again at 0; None where it never does."""
    read_s: float = 0.0
    """How long one reading takes."""

    @property
    def quantum_s(self) -> float:
        """How far a reading may lie behind the moment it was asked for: an update period and the reading itself."""
        return self.update_s + self.read_s

    def most_joules(self, seconds: float) -> float:
        """Return what cannot be exceeded between two readings that are ``seconds`` apart."""
        return self.max_watts * (seconds + self.update_s + EDGE_S)


def step(moved: float, seconds: float, counter: Counter) -> Reading:
    """Return the joules between two readings of ``counter`` whose difference is ``moved``, ``seconds`` apart.

    True are joules that its plausible watts allow. A counter that wraps has passed its end k times; where exactly one k
    gives possible joules those are certain, wherever the wraps lie. Where several do, or none, nobody can tell.
    """
    most, size = counter.most_joules(seconds), counter.wraps_at_j
    if size is None:
        return (
            Reading(joules=moved)
            if 0 <= moved <= most
            else Reading(reason=_complaint(moved, seconds, counter))
        )
    # Differences of floats: a hair below 0 is 0, not a whole wrap.
    fewest = max(0, math.ceil(-moved / size - 1e-12))
    if moved + fewest * size > most:
        return Reading(reason=_complaint(moved, seconds, counter))
    if moved + (fewest + 1) * size <= most:
        return Reading(
            reason=f"{counter.name} may have wrapped more than once in the {seconds:.1f} s between two readings"
        )
    return Reading(joules=max(0.0, moved + fewest * size))


def _complaint(moved: float, seconds: float, counter: Counter) -> str:
    if moved < 0:
        return f"{counter.name} went backwards by {-moved:.1f} J"
    return f"{counter.name} moved by {moved:.1f} J in {seconds:.3f} s, more than {counter.max_watts:.0f} W allow"


def resolution(quantum_s: float, before_w: float, end_w: float) -> float:
    """Return the standard uncertainty in joules that a counter's quantum leaves in a window.

    At either edge the counter shows its value of some moment within the last ``quantum_s``, each moment equally likely
    (a rectangular distribution, JCGM 100:2008, 4.3.7). The window thus gains up to ``before_w * quantum_s``, at the watts
    before it began, and loses up to ``end_w * quantum_s``, at the watts before it ended. Returned is the root of the mean
    square of gain minus loss; for equal watts w it is ``w * quantum_s / sqrt(6)``.
    """
    spread = (before_w**2 + end_w**2) / 12
    offset = (before_w - end_w) ** 2 / 4
    return quantum_s * math.sqrt(spread + offset)


def total(readings: Sequence[Reading]) -> Reading:
    """Sum readings of like counters: None with all reasons where one of them is None, or where there are none.

    Their uncertainties are independent and add in quadrature.
    """
    known = [r.joules for r in readings if r.joules is not None]
    if not known or len(known) != len(readings):
        return Reading(
            reason="; ".join(dict.fromkeys(r.reason for r in readings if r.reason))
            or "nothing was read"
        )
    causes = dict.fromkeys(cause for r in readings for cause in r.uncertainty)
    return Reading(
        joules=sum(known),
        uncertainty={
            cause: math.hypot(*(r.uncertainty.get(cause, 0.0) for r in readings))
            for cause in causes
        },
        coarse=any(r.coarse for r in readings),
        doubts=tuple(dict.fromkeys(d for r in readings for d in r.doubts)),
    )
