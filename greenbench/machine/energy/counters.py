"""GPU, CPU and DRAM joules of open windows, from the counters of the hardware.

Every counter is read at the edges of windows and, by a thread in between, several times a second:
so a wrap, a jump or a standstill is located, and a power sensor can be integrated to check the
counter.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.machine.energy.power_sensor import PowerTrace, cross_checked
from greenbench.machine.energy.readings import FINE, Reading, total
from greenbench.machine.energy.sampler import Sampler
from greenbench.machine.energy.sensors import nothing, read_errors
from greenbench.machine.energy.track import Mark, Track

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.machine.energy.power_sensor import PowerMark
    from greenbench.machine.energy.sensors import Sensor

RETRIES = 3
"""Times that an edge is read again if the counter looks impossible."""
RETRY_PAUSE_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """The state of one counter and its power sensor, or why the counter could not be read."""

    mark: Mark | None = None
    power: PowerMark | None = None
    variance_j2: float = 0.0
    """What the integration of watts has gathered so far."""
    reason: str = ""


class _FollowedSensor:
    """One sensor with the track of its counter and, if it has a power sensor, the integral."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self._track = Track(sensor.counter)
        self._power = PowerTrace() if sensor.power is not None else None

    def tick(self) -> None:
        """Read between edges. A failure here is harmless: only edges must be read."""
        try:
            self._read()
        except read_errors():
            return

    def edge(self, name: str) -> _Edge:
        """Read at the edge of a window, ``name`` being its start or its end."""
        try:
            self._read()
            for _ in range(RETRIES):
                if self._track.unsure:
                    time.sleep(RETRY_PAUSE_S)
                    self._read()
        except read_errors() as error:
            counter = self.sensor.counter.name
            reason = f"the {counter} could not be read at the window's {name}: {error}"
            return _Edge(reason=reason)
        power = self._power.mark(time.perf_counter()) if self._power is not None else None
        integration = self.sensor.integration
        variance_j2 = integration() if integration is not None else 0.0
        return _Edge(mark=self._track.mark(), power=power, variance_j2=variance_j2)

    def between(self, start: _Edge, end: _Edge, seconds: float) -> Reading:
        """Return the joules of the window between two edges, checked with the power sensor."""
        if start.mark is None or end.mark is None:
            return Reading(reason=start.reason or end.reason)
        reading = self._track.between(start.mark, end.mark, seconds)
        if self.sensor.note and reading.joules is not None:
            reading = replace(reading, doubts=(*reading.doubts, self.sensor.note))
        if self.sensor.integration is not None:
            gathered = max(0.0, end.variance_j2 - start.variance_j2)
            causes = {**reading.uncertainty, "integration": math.sqrt(gathered)}
            reading = replace(reading, uncertainty=causes)
        if self._power is None or start.power is None or end.power is None:
            return reading
        power = self._power.between(start.power, end.power)
        return cross_checked(reading, power, seconds, self.sensor.counter)

    def _read(self) -> None:
        joules = self.sensor.read()
        self._track.sample(time.perf_counter(), joules)
        self._read_power()

    def _read_power(self) -> None:
        """Read the power sensor; a failure costs the check one sample, and the counter nothing."""
        if self._power is None or self.sensor.power is None:
            return
        try:
            watts = self.sensor.power()
        except read_errors():
            return
        self._power.sample(time.perf_counter(), watts)


class Counters:
    """The counters of any number of open windows. Close it: it runs a thread."""

    def __init__(
        self,
        sensors: Sequence[Sensor],
        close: Callable[[], None] = nothing,
        also: Callable[[], None] = nothing,
    ) -> None:
        """Follow ``sensors`` from now on; ``close`` is called once nothing reads them any more.

        ``also`` is called twice a second meanwhile, by the thread that reads the counters.
        """
        self.sensors = tuple(sensors)
        self.sources = {sensor.channel: sensor.source for sensor in sensors}
        self._followed = [_FollowedSensor(sensor) for sensor in sensors]
        self._windows: dict[str, list[_Edge]] = {}
        self._lock = threading.Lock()
        self._release = close
        self._owner = os.getpid()
        self.sampler = Sampler(self._tick, also)
        self.sampler.start()

    @property
    def shortest_s(self) -> float:
        """How long a window must be for every counter to resolve it to 5 %."""
        slowest = max(sensor.counter.quantum_s for sensor in self.sensors)
        return slowest / FINE

    def begin(self, key: str) -> None:
        """Open window ``key``; a counter that cannot be read is reported at the window's end."""
        self.sampler.check()
        with self._lock:
            self._windows[key] = [sensor.edge("start") for sensor in self._followed]

    def end(self, key: str, seconds: float) -> Mapping[str, Reading]:
        """Close window ``key``, which took ``seconds``, and return the channels of ``sources``."""
        self.sampler.check()
        starts = self._windows.pop(key)
        readings: dict[str, list[Reading]] = {channel: [] for channel in self.sources}
        # Evaluated before the sampler goes on: its next reading may hide a fault at this edge.
        with self._lock:
            ends = [sensor.edge("end") for sensor in self._followed]
            for followed, start, end in zip(self._followed, starts, ends, strict=True):
                reading = followed.between(start, end, seconds)
                readings[followed.sensor.channel].append(reading)
        return {channel: total(parts) for channel, parts in readings.items()}

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        self._windows.pop(key, None)

    def close(self) -> None:
        """End the thread and close the devices.

        Harmless when called twice, and in a forked child.
        """
        if os.getpid() != self._owner or self.sampler.ended:
            return
        self.sampler.end()
        self._release()

    def _tick(self) -> None:
        with self._lock:
            for sensor in self._followed:
                sensor.tick()
