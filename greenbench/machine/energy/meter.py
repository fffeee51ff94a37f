"""Windows: how long one stage took, and its joules channel by channel with their sources.

A meter opens and closes windows and keeps what they held until someone takes it. It decides nothing about which stages
there are, and sums nothing: nested windows count twice. One thread at a time.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from greenbench.errors import UsageError
from greenbench.machine.energy.calibration import LONGEST_S, calibrated
from greenbench.machine.energy.counters import Counters
from greenbench.machine.energy.estimate import CpuEstimate
from greenbench.machine.energy.idle import Idle, drift, measure_idle
from greenbench.machine.energy.sensors import find_sensors
from greenbench.machine.watch import Watch
from greenbench.types import CHANNELS, Energy, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from greenbench.machine.energy.readings import Reading
    from greenbench.machine.energy.sampler import Sampler
    from greenbench.machine.gpus import Gpu
    from greenbench.types import State

NO_IDLE = "idle power was not measured"
NO_IDLE_ESTIMATE = "an estimate from CPU seconds knows no idle power: it counts busy cores alone"


class Meter:
    """Measures windows. Made by ``open_meter``; close it, or use it as a context manager."""

    def __init__(
        self,
        counters: Counters | None,
        estimate: CpuEstimate | None,
        missing: Mapping[str, str],
        synchronize: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Read ``counters``, and ``estimate`` for the CPU; ``missing`` says why a channel has no counter.

        ``synchronize`` waits for the device in windows that bring no such function themselves. ``watch`` notes the
        machine's state around a round.
        """
        self._synchronize = synchronize
        self._counters = counters
        self._estimate = estimate
        self._windows: list[Window] = []
        self._open: list[str] = []
        self.watch = watch if watch is not None else Watch(())
        """Notes the state of the machine between its ``begin`` and ``end``."""
        self.idle = Idle()
        """What the machine draws when nothing runs; empty until ``rest`` measured it."""
        counted = counters.sources if counters is not None else {}
        sources = dict.fromkeys(CHANNELS, "none") | dict(counted)
        self.sources: Mapping[str, str] = sources | (
            {"cpu": estimate.source} if estimate is not None else {}
        )
        """Where each channel's joules come from; ``none`` for a channel without any."""
        self.reasons: Mapping[str, str] = dict(missing)
        """Why a channel has no counter: it has no joules, or estimated ones."""

    @property
    def shortest_s(self) -> float:
        """How long a window must be for all counters to resolve it to 5 %; 0 where nothing is counted."""
        return self._counters.shortest_s if self._counters is not None else 0.0

    @property
    def sampler(self) -> Sampler | None:
        """The thread that reads the counters in between; None where nothing is counted."""
        return self._counters.sampler if self._counters is not None else None

    @property
    def facts(self) -> dict[str, Any]:
        """What the instrument is, for the results file: update periods, sampling, idle power, the estimate's watts."""
        sensors = self._counters.sensors if self._counters is not None else ()
        return {
            "counters": [
                {
                    "channel": s.channel,
                    "name": s.counter.name,
                    "source": s.source,
                    "update_seconds": s.counter.update_s,
                    "update_measured": s.calibrated,
                    "read_seconds": s.counter.read_s,
                    "range_j": s.counter.wraps_at_j,
                }
                for s in sensors
            ],
            "sampling_seconds": self.sampler.interval_s if self.sampler else None,
            "shortest_window_seconds": self.shortest_s or None,
            "idle_w": dict(self.idle.watts),
            "idle_uncertainty_w": dict(self.idle.uncertainty_w),
            "idle_reasons": {c: self._no_idle(c) for c in CHANNELS if c not in self.idle.watts},
            "estimated_w_per_core": self._estimate.core.watts
            if self._estimate is not None
            else None,
        }

    def rest(self, seconds: float) -> tuple[str, ...]:
        """Do nothing for ``seconds`` to learn the idle power, which later windows subtract; say how it drifted.

        The first call sets it; a later one is compared with the first, and its doubts returned. Without counters it
        returns at once: an estimate knows no idle power.
        """
        if self._counters is None:
            return ()
        found = measure_idle(self._counters, seconds)
        if not self.idle.seconds:
            self.idle = found
            return ()
        return drift(self.idle, found)

    @contextmanager
    def window(
        self, stage: str, *, state: State = "cold", synchronize: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Measure the block as a window of ``stage``; kept unless the block raises.

        ``synchronize`` waits for the device's queued work and is called at both edges before anything is read. Windows
        of different names may lie within each other. Raises UsageError where a window of that name is open already.
        """
        synchronize = synchronize or self._synchronize
        if stage in self._open:
            message = f"energy window '{stage}' is open already: a window cannot lie within another of its own name"
            raise UsageError(message)
        if synchronize is not None:
            synchronize()
        try:
            self._begin(stage)
            started = time.perf_counter()
            yield
            if synchronize is not None:
                synchronize()
            closed = self._end(stage, time.perf_counter() - started, state)
        except BaseException:
            self._cancel(stage)
            raise
        self._windows.append(closed)

    def repeated(
        self,
        stage: str,
        one_pass: Callable[[], object],
        synchronize: Callable[[], None] | None = None,
    ) -> Window:
        """Run ``one_pass`` until the counters resolve it, in one window, and return what a single pass took.

        The window is returned and not kept for ``take``.
        """
        passes = 0
        with self.window(stage, synchronize=synchronize):
            until = time.perf_counter() + self.shortest_s
            while passes == 0 or time.perf_counter() < until:
                one_pass()
                passes += 1
        return per_pass(self._windows.pop(), passes)

    def take(self) -> tuple[Window, ...]:
        """Return the windows that were closed since the last call, in the order they closed, and forget them."""
        taken, self._windows = tuple(self._windows), []
        return taken

    def close(self) -> None:
        """End what the counters started. The meter measures no more after this."""
        if self._counters is not None:
            self._counters.close()
        self.watch.close()

    def __enter__(self) -> Self:
        """Return the meter itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the meter."""
        self.close()

    def _begin(self, stage: str) -> None:
        self._open.append(stage)
        if self._estimate is not None:
            self._estimate.begin(stage)
        if self._counters is not None:
            self._counters.begin(stage)

    def _end(self, stage: str, seconds: float, state: State) -> Window:
        readings = dict(self._counters.end(stage, seconds)) if self._counters is not None else {}
        if self._estimate is not None:
            readings["cpu"] = self._estimate.end(stage)
        self._open.remove(stage)
        return Window(
            stage=stage, seconds=seconds, energy=self._energy(readings, seconds), state=state
        )

    def _cancel(self, stage: str) -> None:
        self._open = [name for name in self._open if name != stage]
        if self._counters is not None:
            self._counters.cancel(stage)
        if self._estimate is not None:
            self._estimate.cancel(stage)

    def _energy(self, readings: Mapping[str, Reading], seconds: float) -> Energy:
        known = {channel: r for channel, r in readings.items() if r.joules is not None}
        idle = {channel: w for channel, w in self.idle.watts.items() if channel in known}
        return Energy(
            **{f"{channel}_j": r.joules for channel, r in known.items()},
            sources=self.sources,
            reasons={
                **self.reasons,
                **{channel: r.reason for channel, r in readings.items() if r.reason},
            },
            uncertainty_j={channel: r.uncertainty for channel, r in known.items()},
            idle_j={channel: watts * seconds for channel, watts in idle.items()},
            idle_uncertainty_j={
                channel: self.idle.uncertainty_w[channel] * seconds for channel in idle
            },
            coarse=tuple(channel for channel, r in known.items() if r.coarse),
            doubts=tuple(d for r in known.values() for d in r.doubts),
        )

    def _no_idle(self, channel: str) -> str:
        if channel in self.idle.reasons:
            return self.idle.reasons[channel]
        source = self.sources[channel]
        if source == "none":
            return self.reasons[channel]
        return NO_IDLE_ESTIMATE if source.startswith("estimated:") else NO_IDLE


def per_pass(window: Window, passes: int) -> Window:
    """Return what one of ``passes`` equal passes in ``window`` took."""
    energy = window.energy
    gpu_j, cpu_j, dram_j = (
        None if (j := energy.joules(c)) is None else j / passes for c in CHANNELS
    )
    shared = replace(
        energy,
        gpu_j=gpu_j,
        cpu_j=cpu_j,
        dram_j=dram_j,
        uncertainty_j={
            c: {cause: u / passes for cause, u in causes.items()}
            for c, causes in energy.uncertainty_j.items()
        },
        idle_j={c: j / passes for c, j in energy.idle_j.items()},
        idle_uncertainty_j={c: u / passes for c, u in energy.idle_uncertainty_j.items()},
    )
    return replace(window, seconds=window.seconds / passes, energy=shared, passes=passes)


def open_meter(
    gpus: Sequence[Gpu],
    *,
    cpu_watts: float | None = None,
    synchronize: Callable[[], None] | None = None,
    calibrate_s: float = LONGEST_S,
) -> Meter:
    """Open a meter over ``gpus`` and this machine's CPUs and memory, with the best source there is for each channel.

    ``cpu_watts`` are the watts of one busy logical core, for the estimate that stands in where RAPL cannot be read.
    ``synchronize`` waits for the device's queued work; it is called at the edges of windows that bring none of their own.
    Each counter is watched for at most ``calibrate_s`` to learn how often it moves.
    """
    sensors = find_sensors(gpus)
    estimate = CpuEstimate(cpu_watts) if "cpu" in sensors.missing else None
    watch = Watch(gpus)
    found = [calibrated(s, calibrate_s) for s in sensors.found]
    counters = Counters(found, sensors.close, also=watch.tick) if found else None
    return Meter(counters, estimate, sensors.missing, synchronize, watch)
