"""Zones that show another zone's counter: some processors of several dies have one for each die."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.energy.sensors import Sensor

SAME_J = 1.0
"""Readings of one counter, taken directly after each other, differ by less."""
MOMENT_S = 0.01
LONGEST_WAIT_S = 1.5
"""A counter that does not move for so long is not compared."""
COMPARISONS = 3


def without_mirrors(zones: Sequence[Sensor]) -> list[Sensor]:
    """Leave out zones that show the counter of an earlier one.

    Independent counters that lie within a joule of each other, move, and lie so again do not occur.
    """
    distinct: list[Sensor] = []
    for zone in zones:
        if not any(_mirrors(zone, other) for other in distinct):
            distinct.append(zone)
    return distinct


def _mirrors(zone: Sensor, other: Sensor) -> bool:
    """Wait until ``zone`` has moved, and return whether ``other`` moved with it."""
    if not _alike(zone, other) or not _moves(zone):
        return False
    return all(_alike(zone, other) for _ in range(COMPARISONS))


def _moves(zone: Sensor) -> bool:
    """Wait for ``zone`` to move; False if it does not within ``LONGEST_WAIT_S``."""
    start = zone.read()
    until = time.perf_counter() + LONGEST_WAIT_S
    while zone.read() == start:
        if time.perf_counter() > until:
            return False
        time.sleep(MOMENT_S)
    return True


def _alike(zone: Sensor, other: Sensor) -> bool:
    """Whether ``other`` shows what ``zone`` shows just before and just after it is read."""
    before = zone.read()
    between = other.read()
    after = zone.read()
    return before - SAME_J <= between <= after + SAME_J
