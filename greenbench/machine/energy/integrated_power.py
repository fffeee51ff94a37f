"""Joules of a device that shows its power alone: watts, integrated over time.

The readings, ten a second and at the edges of windows, are joined by straight lines. Between two of
them the power may have been anything from one to the other, so half of their difference, times the
time in between, is the half-width of a rectangular distribution (JCGM 100:2008, 4.3.7), and those
of successive stretches are independent. Watts that the device averages over an interval lag behind
by it: that interval is the update period of the counter which this makes.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GAP_S = 0.5
"""Over a longer pause a straight line says nothing: the power may have been 0 or twice as much."""


class IntegratedPower:
    """The integral of watts since the first reading."""

    def __init__(
        self, watts: Callable[[], float], name: str, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Integrate what ``watts`` returns; messages call it ``name``."""
        self._watts = watts
        self._name = name
        self._clock = clock
        self._last: tuple[float, float] | None = None
        self._joules = 0.0
        self._variance_j2 = 0.0

    def read(self) -> float:
        """Return the joules until now; raises ValueError for watts that cannot be."""
        watts = self._watts()
        now = self._clock()
        if not math.isfinite(watts) or watts < 0:
            raise ValueError(f"{self._name} shows {watts:g} W")
        if self._last is not None:
            last_at, last_w = self._last
            elapsed_s = now - last_at
            self._joules += (watts + last_w) / 2 * elapsed_s
            half_w = abs(watts - last_w) / 2
            if elapsed_s > GAP_S:
                half_w = max(watts, last_w)
            self._variance_j2 += (half_w * elapsed_s) ** 2 / 3
        self._last = now, watts
        return self._joules

    def variance_j2(self) -> float:
        """Return the variance of the joules until now, in joules squared."""
        return self._variance_j2
