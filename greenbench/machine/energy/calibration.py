"""How often a counter moves, measured: the update period decides how short a window may be.

NVML's counters move every 20 to 100 ms, by card and driver, and RAPL's about every millisecond;
some virtual machines show ones that move once a second. So the period is measured when the session
starts, by reading as fast as the counter answers.
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
"""A counter that moves rarely is watched for this long."""
ENOUGH = 10
"""Changes after which the period is known well enough."""
FEWEST = 3
"""Two changes give one interval, and that may be an outlier."""
SLOW_S = 6.0
"""A slow counter, which has moved less than ``FEWEST`` times, is watched for this long."""
PAUSE_S = 0.0002


def calibrated(sensor: Sensor, longest_s: float = LONGEST_S) -> Sensor:
    """Return ``sensor`` with its measured update period; unchanged if it moved less than 3 times.

    A counter that has moved once or twice within ``longest_s`` is watched for longer: it is slow,
    and not dead. One that moves with each reading is left as it is.
    """
    if sensor.fixed_update:
        return sensor
    try:
        changes, read_s = _observe(sensor.read, longest_s)
    except read_errors():
        return sensor  # the windows will report what is wrong with it
    counter = replace(sensor.counter, read_s=read_s)
    if len(changes) < FEWEST:
        return replace(sensor, counter=counter)
    period = statistics.median(later - earlier for earlier, later in itertools.pairwise(changes))
    return replace(sensor, counter=replace(counter, update_s=period), calibrated=True)


def _observe(read: Callable[[], float], longest_s: float) -> tuple[list[float], float]:
    """Return the moments at which the counter had moved, and the median seconds of one reading."""
    changes: list[float] = []
    read_times: list[float] = []
    last = read()
    started = time.perf_counter()
    while len(changes) < ENOUGH:
        before = time.perf_counter()
        if before - started >= _patience(len(changes), longest_s):
            break
        now = read()
        after = time.perf_counter()
        read_times.append(after - before)
        if now != last:
            changes.append(after)
            last = now
        time.sleep(PAUSE_S)
    return changes, statistics.median(read_times or [0.0])


def _patience(changes: int, longest_s: float) -> float:
    return SLOW_S if 0 < changes < FEWEST else longest_s
