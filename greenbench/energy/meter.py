"""Windows: how long one stage took, and its joules channel by channel with their sources.

A meter opens and closes windows and keeps what they held until someone takes it. It decides nothing about which stages
there are, and sums nothing: nested windows count twice. One thread at a time.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from greenbench.energy.counters import Counters, open_counters
from greenbench.energy.estimate import CpuEstimate
from greenbench.errors import UsageError
from greenbench.types import CHANNELS, Energy, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from greenbench.devices import Gpu
    from greenbench.energy.readings import Reading
    from greenbench.types import State


class Meter:
    """Measures windows. Made by ``open_meter``; close it, or use it as a context manager."""

    def __init__(
        self,
        counters: Counters | None,
        estimate: CpuEstimate | None,
        missing: Mapping[str, str],
        synchronize: Callable[[], None] | None = None,
    ) -> None:
        """Read ``counters``, and ``estimate`` for the CPU; ``missing`` says why a channel has no counter.

        ``synchronize`` waits for the device in windows that bring no such function themselves.
        """
        self._synchronize = synchronize
        self._counters = counters
        self._estimate = estimate
        self._windows: list[Window] = []
        self._open: list[str] = []
        counted = counters.sources if counters is not None else {}
        sources = dict.fromkeys(CHANNELS, "none") | dict(counted)
        self.sources: Mapping[str, str] = sources | ({"cpu": estimate.source} if estimate is not None else {})
        """Where each channel's joules come from; ``none`` for a channel without any."""
        self.reasons: Mapping[str, str] = dict(missing)
        """Why a channel has no counter: it has no joules, or estimated ones."""

    @contextmanager
    def window(self, stage: str, *, state: State = "cold", synchronize: Callable[[], None] | None = None) -> Iterator[None]:
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

    def take(self) -> tuple[Window, ...]:
        """Return the windows that were closed since the last call, in the order they closed, and forget them."""
        taken, self._windows = tuple(self._windows), []
        return taken

    def close(self) -> None:
        """End what the counters started. The meter measures no more after this."""
        if self._counters is not None:
            self._counters.close()

    def __enter__(self) -> Self:
        """Return the meter itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
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
        return Window(stage=stage, seconds=seconds, energy=self._energy(readings), state=state)

    def _cancel(self, stage: str) -> None:
        self._open = [name for name in self._open if name != stage]
        if self._counters is not None:
            self._counters.cancel(stage)
        if self._estimate is not None:
            self._estimate.cancel(stage)

    def _energy(self, readings: Mapping[str, Reading]) -> Energy:
        complaints = {channel: reading.reason for channel, reading in readings.items() if reading.reason}
        joules = {channel: reading.joules for channel, reading in readings.items()}
        return Energy(
            gpu_j=joules.get("gpu"),
            cpu_j=joules.get("cpu"),
            dram_j=joules.get("dram"),
            sources=self.sources,
            reasons={**self.reasons, **complaints},
        )


def open_meter(gpus: Sequence[Gpu], *, cpu_watts: float | None = None, synchronize: Callable[[], None] | None = None) -> Meter:
    """Open a meter over ``gpus`` and this machine's CPUs and memory, with the best source there is for each channel.

    ``cpu_watts`` are the watts of one busy logical core, for the estimate that stands in where RAPL cannot be read.
    ``synchronize`` waits for the device's queued work; it is called at the edges of windows that bring none of their own.
    """
    counters, missing = open_counters(gpus)
    return Meter(counters, CpuEstimate(cpu_watts) if "cpu" in missing else None, missing, synchronize)
