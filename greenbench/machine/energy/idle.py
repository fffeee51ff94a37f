"""What the machine draws while nothing runs, so that a window's joules can be stated net of idle.

Measured once before the first cell, after the warm-up, and again after the last: a machine whose
idle power drifts in between has no one idle power. An estimate from CPU seconds knows none.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.machine.energy.counters import Counters
    from greenbench.machine.energy.readings import Reading

PARTS = 5
"""Equal windows that the pause is cut into: their spread is the idle power's uncertainty."""
DRIFT = 0.1
"""A relative change of the idle power above which there is a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Idle watts by channel, with their standard uncertainty; or why a channel has none."""

    watts: Mapping[str, float] = field(default_factory=dict)
    uncertainty_w: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Pause:
    seconds: float
    readings: Mapping[str, Reading]


def measure_idle(counters: Counters, seconds: float) -> Idle:
    """Do nothing for ``seconds`` and return the power that this takes."""
    pauses = []
    for _ in range(PARTS):
        pauses.append(_pause(counters, seconds / PARTS))
    watts: dict[str, float] = {}
    uncertainty: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for channel in counters.sources:
        reason = _missing_reason(pauses, channel)
        if reason is not None:
            reasons[channel] = reason
            continue
        samples = _watts(pauses, channel)
        spread = statistics.stdev(samples) / math.sqrt(PARTS)
        watts[channel] = statistics.fmean(samples)
        uncertainty[channel] = max(spread, _resolved_watts(pauses, channel, seconds))
    return Idle(watts=watts, uncertainty_w=uncertainty, reasons=reasons, seconds=seconds)


def _pause(counters: Counters, seconds: float) -> _Pause:
    counters.begin("idle")
    started = time.perf_counter()
    time.sleep(seconds)
    elapsed = time.perf_counter() - started
    return _Pause(elapsed, counters.end("idle", elapsed))


def _missing_reason(pauses: Sequence[_Pause], channel: str) -> str | None:
    """Return why one of the pauses has no joules of ``channel``; None if all have."""
    for pause in pauses:
        reading = pause.readings[channel]
        if reading.joules is None:
            return reading.reason
    return None


def _watts(pauses: Sequence[_Pause], channel: str) -> list[float]:
    watts = []
    for pause in pauses:
        joules = pause.readings[channel].joules
        if joules is not None:
            watts.append(joules / pause.seconds)
    return watts


def _resolved_watts(pauses: Sequence[_Pause], channel: str, seconds: float) -> float:
    """Return the uncertainty in watts that the counter's own uncertainties leave."""
    parts: list[float] = []
    for pause in pauses:
        parts.extend(pause.readings[channel].uncertainty.values())
    return math.hypot(*parts) / seconds


def drift(before: Idle, after: Idle) -> tuple[str, ...]:
    """Warn of channels whose idle power changed by more than 10 % and more than its uncertainty."""
    warnings = []
    for channel, was in before.watts.items():
        now = after.watts.get(channel)
        if now is None:
            continue
        noise = 2 * math.hypot(before.uncertainty_w[channel], after.uncertainty_w[channel])
        if abs(now - was) > max(DRIFT * was, noise):
            percent = 100 * (now - was) / was
            change = f"from {was:.1f} W before the first cell to {now:.1f} W after the last"
            uncertain = "net joules are that uncertain"
            warnings.append(
                f"{channel} idle power drifted {change} ({percent:+.0f} %): {uncertain}"
            )
    return tuple(warnings)
