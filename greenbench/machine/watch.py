"""Watches the machine while a round runs: at its edges, and now and then in between where a sampler calls.

It opens nothing but NVML, and only for counted GPUs. ``begin`` and ``end`` are the measuring thread's, ``tick`` a sampler's.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pynvml

from greenbench.machine import cpu, gpu
from greenbench.machine.processes import own_pids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.devices import Gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The state of the machine over a round."""

    record: Mapping[str, Any] = field(default_factory=dict)
    """For the results file: ``cpu`` and ``gpus``."""
    doubts: tuple[str, ...] = ()
    """What makes the round unlike one on a quiet, cool machine."""


class Watch:
    """Notes the machine's state between ``begin`` and ``end``. Close it where it watches GPUs."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        """Watch the processors, and ``gpus``; raises nothing: a card that cannot be asked gives no state."""
        self._gpus = tuple(gpus)
        self._lock = threading.Lock()
        self._states: dict[str, list[gpu.GpuState]] = {}
        self._start: cpu.Snapshot | None = None
        self._handles = self._open()

    def begin(self) -> None:
        """Start watching a round, and forget what an earlier one left unfinished."""
        with self._lock:
            self._states = {g.uuid: [] for g in self._gpus}
        self._look()
        self._start = cpu.snapshot()

    def tick(self) -> None:
        """Look at the GPUs, if a round is running."""
        if self._start is not None:
            self._look()

    def end(self) -> Seen:
        """Return what was seen since ``begin``; nothing where no round had begun."""
        if self._start is None:
            return Seen()
        record, told = cpu.between(self._start, cpu.snapshot())
        self._start = None
        self._look()
        own = own_pids() if self._handles else frozenset()
        cards = [gpu.summary(g, self._states[g.uuid], self._neighbours(g, own)) for g in self._gpus]
        doubts = (*told, *(d for _, doubts in cards for d in doubts))
        return Seen(record={"cpu": record, "gpus": [r for r, _ in cards]}, doubts=doubts)

    def close(self) -> None:
        """Let go of NVML. Harmless when called twice."""
        if self._handles:
            self._handles = {}
            pynvml.nvmlShutdown()

    def _open(self) -> dict[str, Any]:
        if not self._gpus:
            return {}
        try:
            pynvml.nvmlInit()
            return {g.uuid: pynvml.nvmlDeviceGetHandleByUUID(g.uuid) for g in self._gpus}
        except pynvml.NVMLError:  # the counters give the reason; the state says that nothing was seen
            return {}

    def _look(self) -> None:
        with self._lock:
            for uuid, handle in self._handles.items():
                self._states.setdefault(uuid, []).append(gpu.state(handle))

    def _neighbours(self, card: Gpu, own: frozenset[int]) -> list[gpu.Neighbour]:
        handle = self._handles.get(card.uuid)
        return [] if handle is None else gpu.neighbours(handle, own)
