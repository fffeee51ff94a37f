"""The meter: how long a stretch of code took, and its joules by channel with their sources.

A meter opens and closes windows and keeps what they held until they are taken. It decides nothing
about which stages there are, and sums nothing: nested windows count twice. ``window`` serves one
thread at a time, ``open_window`` any.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.machine.energy.calibration import LONGEST_S, calibrated
from greenbench.machine.energy.counters import Counters
from greenbench.machine.energy.discovery import find_sensors
from greenbench.machine.energy.estimate import CpuEstimate
from greenbench.machine.energy.facts import instrument_facts
from greenbench.machine.energy.gpu_sensors import NO_GPU
from greenbench.machine.energy.idle import Idle, drift, measure_idle
from greenbench.machine.energy.open_window import OpenWindow
from greenbench.machine.energy.sources import EnergySources
from greenbench.machine.energy.windows import per_pass
from greenbench.machine.processes import Adoption
from greenbench.machine.watch import Watch
from greenbench.types import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from greenbench.machine.energy.sampler import Sampler
    from greenbench.machine.gpu_records import Gpu
    from greenbench.machine.sensor_classes import UserSensors
    from greenbench.types import State


class Meter(AbstractContextManager["Meter"]):
    """Measures windows. Made by ``open_meter``; close it, or use it as a context manager."""

    def __init__(
        self,
        sources: EnergySources,
        synchronize: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Read ``sources``; ``watch`` notes the machine's state around a round.

        ``synchronize`` waits for the device in windows that bring no such function themselves.
        """
        self._sources = sources
        self._synchronize = synchronize
        self._windows: list[Window] = []
        self._open: list[str] = []
        self.watch = watch if watch is not None else Watch(())
        """Notes the state of the machine between its ``begin`` and ``end``."""
        self.idle = Idle()
        """What the machine draws when nothing runs; empty until ``rest`` measured it."""
        self.sources: Mapping[str, str] = sources.labels
        """Where each channel's joules come from; ``none`` for a channel without any."""
        self.reasons: Mapping[str, str] = sources.reasons
        """Why a channel has no counter: it has no joules, or estimated ones."""

    @property
    def shortest_s(self) -> float:
        """How long a window must be for all counters to resolve it to 5 %; 0 without counters."""
        return self._sources.shortest_s

    @property
    def sampler(self) -> Sampler | None:
        """The thread that reads the counters between edges; None without counters."""
        return self._sources.sampler

    @property
    def facts(self) -> dict[str, object]:
        """What the instrument is: update periods, sampling, idle power, the estimate's watts."""
        return instrument_facts(self._sources, self.idle)

    def rest(self, seconds: float) -> tuple[str, ...]:
        """Do nothing for ``seconds`` to measure the idle power, which later windows subtract.

        The first call sets it; a later one is compared with the first, and the warnings about its
        drift are returned. Without counters it returns at once: an estimate knows no idle power.
        """
        if self._sources.counters is None:
            return ()
        idle = measure_idle(self._sources.counters, seconds)
        if not self.idle.seconds:
            self.idle = idle
            return ()
        return drift(self.idle, idle)

    @contextmanager
    def window(
        self, stage: str, *, state: State = "cold", synchronize: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Measure the block as a window of ``stage``; kept unless the block raises.

        ``synchronize`` waits for the device's queued work and is called at both edges before
        anything is read. Windows of different names may be nested. Raises UsageError if a window of
        that name is open already.
        """
        if stage in self._open:
            rule = "a window cannot lie within another of its own name"
            raise UsageError(f"energy window '{stage}' is open already: {rule}")
        window = self.open_window(stage, synchronize)
        self._open.append(stage)
        try:
            yield
            seconds, energy = window.end(self.idle)
        except BaseException:
            window.cancel()
            raise
        finally:
            self._open.remove(stage)
        self._windows.append(Window(stage=stage, seconds=seconds, energy=energy, state=state))

    def open_window(self, key: str, synchronize: Callable[[], None] | None = None) -> OpenWindow:
        """Open a window that the caller ends or cancels, in any thread; the meter keeps it not.

        ``key`` is that of no other open window.
        """
        return OpenWindow(key, self._sources, synchronize or self._synchronize)

    def repeated(
        self,
        stage: str,
        one_pass: Callable[[], object],
        synchronize: Callable[[], None] | None = None,
    ) -> Window:
        """Run ``one_pass`` until the counters resolve it; return what a single pass took.

        All passes are one window, which is returned and not kept for ``take``.
        """
        passes = 0
        with self.window(stage, synchronize=synchronize):
            until = time.perf_counter() + self.shortest_s
            while passes == 0 or time.perf_counter() < until:
                one_pass()
                passes += 1
        return per_pass(self._windows.pop(), passes)

    def take(self) -> tuple[Window, ...]:
        """Return the windows closed since the last call, in the order they closed; forget them."""
        windows = tuple(self._windows)
        self._windows.clear()
        return windows

    def close(self) -> None:
        """End what the counters started. The meter measures no more after this."""
        self._sources.close()
        self.watch.close()

    def __exit__(self, *exception: object) -> None:
        """Close the meter."""
        self.close()


def open_meter(
    gpus: Sequence[Gpu],
    *,
    cpu_watts: float | None = None,
    synchronize: Callable[[], None] | None = None,
    calibrate_s: float = LONGEST_S,
    no_host: str = "",
    no_gpu: str = NO_GPU,
    own: UserSensors | None = None,
    integrated_gpu: bool = False,
) -> Meter:
    """Open a meter over ``gpus`` and this machine's CPUs and memory, each with its best source.

    ``cpu_watts`` are the watts of one busy logical core, for the estimate that is used if RAPL
    cannot be read. ``synchronize`` waits for the device's queued work; it is called at the edges of
    windows that bring none of their own. Each counter is watched for at most ``calibrate_s`` to
    learn how often it moves. ``no_host`` says why joules of CPUs and memory would be those of
    others too, beside which this process measures: then they are None with that reason. ``no_gpu``
    says why no GPU counts, where ``gpus`` are none. ``own`` are sensors of the user's; raises
    UsageError if one cannot be opened, or would replace another one. ``integrated_gpu`` says
    whether the GPU of a system on a chip counts.
    """
    sensors = find_sensors(
        gpus, no_host=no_host, no_gpu=no_gpu, own=own, integrated_gpu=integrated_gpu
    )
    estimated = "cpu" in sensors.missing and not no_host
    estimate = CpuEstimate(cpu_watts) if estimated else None
    watch = Watch(gpus, Adoption())
    counters = None
    if sensors.available:
        followed = [calibrated(sensor, calibrate_s) for sensor in sensors.available]
        counters = Counters(followed, sensors.close, also=watch.tick)
    missing = {channel: str(missing) for channel, missing in sensors.missing.items()}
    sources = EnergySources(counters, estimate, missing)
    return Meter(sources, synchronize, watch)
