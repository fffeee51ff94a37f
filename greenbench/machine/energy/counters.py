"""GPU, CPU and DRAM joules of open windows, from the counters of the hardware.

Every counter is read at the edges of windows and, by a thread in between, several times a second: so a wrap, a jump or a
standstill is seen where it happens, and a power sensor can be integrated to check the counter.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.energy.power_sensor import PowerTrace, cross_checked
from greenbench.machine.energy.readings import FINE, Reading, total
from greenbench.machine.energy.sampler import OFTEN_S, SELDOM_S, Sampler
from greenbench.machine.energy.sensors import read_errors
from greenbench.machine.energy.track import Mark, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.machine.energy.power_sensor import PowerMark
    from greenbench.machine.energy.sensors import Sensor

AGAIN = 3
"""Times that an edge is read again where the counter looks impossible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """Where one counter and its power sensor stood, or why that could not be read."""

    mark: Mark | None = None
    power: PowerMark | None = None
    reason: str = ""


class _Channel:
    """One sensor with its track, and the integral of its power where it tells it."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.track = Track(sensor.counter)
        self.power = PowerTrace() if sensor.power is not None else None

    def tick(self) -> None:
        """Read between edges. What cannot be read now may be readable at the edge, and only that counts."""
        try:
            self._read()
        except read_errors():
            return

    def edge(self, word: str) -> _Edge:
        try:
            self._read()
            for _ in range(AGAIN):
                if self.track.unsure:
                    time.sleep(0.002)
                    self._read()
        except read_errors() as error:
            return _Edge(
                reason=f"the {self.sensor.counter.name} could not be read at the window's {word}: {error}"
            )
        power = self.power.mark(time.perf_counter()) if self.power is not None else None
        return _Edge(mark=self.track.mark(), power=power)

    def _read(self) -> None:
        joules = self.sensor.read()
        self.track.sample(time.perf_counter(), joules)
        self._read_power()

    def _read_power(self) -> None:
        """Read the sensor that checks the counter; without an answer the check lacks a sample, and the counter nothing."""
        if self.power is None or self.sensor.power is None:
            return
        try:
            watts = self.sensor.power()
        except read_errors():
            return
        self.power.sample(time.perf_counter(), watts)

    def between(self, start: _Edge, end: _Edge, seconds: float) -> Reading:
        if start.mark is None or end.mark is None:
            return Reading(reason=start.reason or end.reason)
        reading = self.track.between(start.mark, end.mark, seconds)
        if self.power is None or start.power is None or end.power is None:
            return reading
        return cross_checked(
            reading, self.power.between(start.power, end.power), seconds, self.sensor.counter
        )


class Counters:
    """The counters of any number of open windows. Close it: it runs a thread."""

    def __init__(
        self,
        sensors: Sequence[Sensor],
        close: Callable[[], None] = lambda: None,
        also: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow ``sensors`` from now on; ``close`` is called when nothing reads them any more.

        ``also`` is called twice a second meanwhile, by the thread that reads the counters.
        """
        self.sensors = tuple(sensors)
        self.sources = {s.channel: s.source for s in sensors}
        self._channels = [_Channel(s) for s in sensors]
        self._windows: dict[str, list[_Edge]] = {}
        self._lock = threading.Lock()
        self._release, self._owner = close, os.getpid()
        integrates = any(s.power is not None for s in sensors)
        self.sampler = Sampler(self._tick, also, OFTEN_S if integrates else SELDOM_S)
        self.sampler.start()

    @property
    def shortest_s(self) -> float:
        """How long a window must be for every counter to resolve it to 5 %."""
        return max(s.counter.quantum_s for s in self.sensors) / FINE

    def begin(self, key: str) -> None:
        """Open window ``key``. A counter that cannot be read shows in the readings at the window's end."""
        self.sampler.check()
        with self._lock:
            self._windows[key] = [channel.edge("start") for channel in self._channels]

    def end(self, key: str, seconds: float) -> Mapping[str, Reading]:
        """Close window ``key``, which took ``seconds``, and return the channels of ``sources``."""
        self.sampler.check()
        starts = self._windows.pop(key)
        with self._lock:  # judged before the sampler goes on: its next reading may explain away what is odd at this edge
            ends = [channel.edge("end") for channel in self._channels]
            readings = [
                (c.sensor.channel, c.between(a, b, seconds))
                for c, a, b in zip(self._channels, starts, ends, strict=True)
            ]
        return {
            channel: total([r for name, r in readings if name == channel])
            for channel in self.sources
        }

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        self._windows.pop(key, None)

    def close(self) -> None:
        """End the thread and let go of the devices. Harmless when called twice, and in a forked child."""
        if os.getpid() != self._owner or self.sampler.ended:
            return
        self.sampler.end()
        self._release()

    def _tick(self) -> None:
        with self._lock:
            for channel in self._channels:
                channel.tick()
