"""What the machine draws while nothing is measured, so that a window's joules can be stated above that.

Measured once before the first cell, after the warm-up, and again after the last: a machine whose idle power drifts in
between has no one idle power. An estimate from CPU seconds knows none.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.machine.energy.counters import Counters
    from greenbench.machine.energy.readings import Reading

PARTS = 5
"""Equal windows that the pause is cut into: how they differ is how uncertain the idle power is."""
DRIFT = 0.1
"""A change of the idle power by more than this part is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Idle watts by channel, with their standard uncertainty; or why a channel has none."""

    watts: Mapping[str, float] = field(default_factory=dict)
    uncertainty_w: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def measure_idle(counters: Counters, seconds: float) -> Idle:
    """Do nothing for ``seconds`` and return what that takes."""
    part = seconds / PARTS
    pauses = [_pause(counters, part) for _ in range(PARTS)]
    watts, spread, reasons = {}, {}, {}
    for channel in counters.sources:
        own = [readings[channel] for _, readings in pauses]
        known = [
            r.joules / took
            for (took, _), r in zip(pauses, own, strict=True)
            if r.joules is not None
        ]
        if len(known) < PARTS:
            reasons[channel] = next(r.reason for r in own if r.joules is None)
            continue
        watts[channel] = statistics.fmean(known)
        resolved = math.hypot(*(u for r in own for u in r.uncertainty.values())) / seconds
        spread[channel] = max(statistics.stdev(known) / math.sqrt(PARTS), resolved)
    return Idle(watts=watts, uncertainty_w=spread, reasons=reasons, seconds=seconds)


def _pause(counters: Counters, seconds: float) -> tuple[float, Mapping[str, Reading]]:
    counters.begin("idle")
    started = time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - started
    return took, counters.end("idle", took)


def drift(before: Idle, after: Idle) -> tuple[str, ...]:
    """Say where the idle power changed by more than 10 %, and by more than its uncertainty explains."""
    return tuple(
        f"{channel} idle power drifted from {was:.1f} W before the first cell to {now:.1f} W after the last "
        f"({100 * (now - was) / was:+.0f} %): net joules are that uncertain"
        for channel, was in before.watts.items()
        if (now := after.watts.get(channel)) is not None
        and abs(now - was)
        > max(
            DRIFT * was, 2 * math.hypot(before.uncertainty_w[channel], after.uncertainty_w[channel])
        )
    )
