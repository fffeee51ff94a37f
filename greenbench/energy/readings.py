"""Whether a counter's joules can be true.

Knows neither Zeus nor devices: one function judges one difference of one counter. Both kinds of counter lie at times:
RAPL's wraps at about 262 kJ, and Zeus may miss that or count it late at a window's edge; NVML's moves every 100 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

GPU_WATTS = 1500.0
"""More than any one card or superchip draws (a Blackwell GPU: up to 1200 W)."""
PACKAGE_WATTS = 1000.0
"""More than any CPU socket draws (today's largest: 500 W; Zeus assumes 1000 W too)."""
DRAM_WATTS = 500.0
"""More than the memory of one socket draws (24 modules of at most 20 W)."""
NVML_UPDATE_S = 0.1
"""NVML's energy counter moves about this often: shorter windows read 0 J."""
RAPL_UPDATE_S = 0.001
"""RAPL's counters move about this often (Intel SDM vol. 3B, RAPL interfaces)."""
EDGE_S = 0.1
"""Counters run this much longer than our clock, at most: one NVML quantum, or a pause between two readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Joules, or None and the reason."""

    joules: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What is known of an energy counter beforehand."""

    name: str
    """As a person reads it: ``RAPL counter of package-0``."""
    max_watts: float
    update_s: float
    wraps_at_j: float | None = None
    """How many joules until it starts again at 0; None where it never does."""


def checked(joules: float, seconds: float, counter: Counter) -> Reading:
    """Judge what ``counter`` moved by in ``seconds``: the joules, or None where they cannot be true.

    True are 0 < J <= (seconds + EDGE_S) x max_watts. A wrap that was missed (J too low by one range) or counted late
    (too high by one) is mended, provided the window is too short for a whole range to pass: otherwise nobody can tell.
    """
    most = counter.max_watts * (seconds + EDGE_S)
    mended = _unwrapped(joules, most, counter.wraps_at_j)
    if 0 < mended <= most:
        return Reading(joules=mended)
    return Reading(reason=_complaint(joules, seconds, counter))


def _unwrapped(joules: float, most: float, wraps_at_j: float | None) -> float:
    if wraps_at_j is None or wraps_at_j <= most or 0 <= joules <= most:
        return joules
    return joules + wraps_at_j if joules < 0 else joules - wraps_at_j


def _complaint(joules: float, seconds: float, counter: Counter) -> str:
    if joules < 0:
        return f"{counter.name} went backwards by {-joules:.1f} J"
    if joules > 0:
        return f"{counter.name} moved by {joules:.1f} J in {seconds:.3f} s, more than {counter.max_watts:.0f} W allow"
    return f"{counter.name} did not move in {seconds:.3f} s (it moves about every {counter.update_s:g} s)"


def total(readings: list[Reading]) -> Reading:
    """Sum readings of like counters: None with all reasons where one of them is None, or where there are none."""
    known = [r.joules for r in readings if r.joules is not None]
    if known and len(known) == len(readings):
        return Reading(joules=sum(known))
    return Reading(reason="; ".join(dict.fromkeys(r.reason for r in readings if r.reason)) or "nothing was read")
