"""Watches the machine while a round runs: at its edges, and now and then in between where a sampler calls.

It opens nothing but NVML, and only for counted GPUs. ``begin`` and ``end`` are the measuring thread's, ``tick`` a sampler's.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pynvml

from greenbench.machine import cpu_state as cpu
from greenbench.machine import gpu_state as gpu
from greenbench.machine.processes import own_pids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.machine.gpus import Gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineObservation:
    """The machine's state over a round, and what about it a reader of the result should know."""

    record: Mapping[str, Any] = field(default_factory=dict)
    """For the results file: ``cpu`` and ``gpus``."""
    doubts: tuple[str, ...] = ()
    """What makes the round unlike one on a quiet, cool machine."""


class Watch:
    """Notes the machine's state between ``begin`` and ``end``. Close it where it watches GPUs."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        """Watch the processors, and ``gpus``; raises nothing: a card that cannot be asked gives no state."""
        self._gpus = tuple(gpus)
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._states: dict[str, list[gpu.GpuState]] = {}
        self._crowds: list[list[gpu.Crowd]] = []
        self._start: cpu.Snapshot | None = None
        self._open = bool(self._gpus) and _initialised()
        self._handles = {g.uuid: gpu.handle_of(g.uuid) if self._open else None for g in self._gpus}

    def begin(self) -> None:
        """Start watching a round, and forget what an earlier one left unfinished."""
        with self._lock:
            self._states = {g.uuid: [] for g in self._gpus}
            self._crowds = [self._ask_who()]
            self._look()
            self._start = cpu.snapshot()

    def tick(self) -> None:
        """Look at the GPUs, if a round is running."""
        with self._lock:
            if self._start is not None:
                self._look()

    def end(self) -> MachineObservation:
        """Return what was seen since ``begin``; nothing where no round had begun."""
        with self._lock:  # to the end: a late tick would come after the looks that are counted here
            if self._start is None:
                return MachineObservation()
            record, told = cpu.between(self._start, cpu.snapshot())
            self._start = None
            self._look()
            self._crowds.append(self._ask_who())
            cards = self._cards()
        doubts = (*told, *(d for _, doubts in cards for d in doubts))
        return MachineObservation(
            record={"cpu": record, "gpus": [r for r, _ in cards]}, doubts=doubts
        )

    def close(self) -> None:
        """Let go of NVML. Harmless when called twice, and in a forked child, whose lock nobody may ever open."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            if self._open:
                self._open, self._handles = False, dict.fromkeys(self._handles)
                pynvml.nvmlShutdown()

    def _look(self) -> None:
        for uuid, states in self._states.items():
            states.append(gpu.state(self._handles[uuid]))

    def _ask_who(self) -> list[gpu.Crowd]:
        """Ask who is on the cards: at both edges of a round, because who is there at one may be gone at the other."""
        own = own_pids() if self._open else frozenset()
        return [gpu.crowd(self._handles[g.uuid], own) for g in self._gpus]

    def _cards(self) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
        crowds = zip(*self._crowds, strict=True)
        return [
            gpu.summary(g, self._states[g.uuid], gpu.neighbours(c))
            for g, c in zip(self._gpus, crowds, strict=True)
        ]


def _initialised() -> bool:
    try:
        pynvml.nvmlInit()
    except (
        pynvml.NVMLError
    ):  # the counters give the reason; here every look at a card says that it gave no state
        return False
    return True
