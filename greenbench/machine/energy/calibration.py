"""How often a counter moves, measured: the update period decides how short a window may be.

NVML's counters move every 20 to 100 ms, by card and driver, and RAPL's about every millisecond; some virtual machines
show ones that move once a second. So it is measured when the session starts, by reading as fast as the counter answers.
"""

from __future__ import annotations

import itertools
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.machine.energy.sensors import read_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.machine.energy.sensors import Sensor

LONGEST_S = 1.5
"""A counter that moves rarely is watched for so long."""
ENOUGH = 10
"""Changes after which the period is known well enough."""
FEWEST, SLOW_S = 3, 6.0
"""Two changes give one interval, and that may be an outlier; a slow counter is waited for so long."""
PAUSE_S = 0.0002


def calibrated(sensor: Sensor, longest_s: float = LONGEST_S) -> Sensor:
    """Return ``sensor`` with the update period that was seen; unchanged where it moved less than three times.

    One that has moved once or twice within ``longest_s`` is watched for longer: it is slow, not dead.
    """
    try:
        changes, reading_s = _watch(sensor.read, longest_s)
    except read_errors():
        return sensor  # the windows will say what is wrong with it
    counter = replace(sensor.counter, read_s=reading_s)
    if len(changes) < FEWEST:
        return replace(sensor, counter=counter)
    period = statistics.median(b - a for a, b in itertools.pairwise(changes))
    return replace(sensor, counter=replace(counter, update_s=period), calibrated=True)


def _patience(changes: int, longest_s: float) -> float:
    return SLOW_S if 0 < changes < FEWEST else longest_s


def _watch(read: Callable[[], float], longest_s: float) -> tuple[list[float], float]:
    """Return the times at which the counter was seen to have moved, and the median seconds of one reading."""
    changes: list[float] = []
    took: list[float] = []
    last, started = read(), time.perf_counter()
    while (before := time.perf_counter()) - started < _patience(len(changes), longest_s) and len(
        changes
    ) < ENOUGH:
        now = read()
        after = time.perf_counter()
        took.append(after - before)
        if now != last:
            changes.append(after)
            last = now
        time.sleep(PAUSE_S)
    return changes, statistics.median(took or [0.0])
