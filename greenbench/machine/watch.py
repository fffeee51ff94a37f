"""Watches the machine during a round: at its edges, and in between whenever a sampler calls.

It opens nothing but NVML, and only for counted GPUs. The measuring thread calls ``begin`` and
``end``; a sampler's thread calls ``tick``.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pynvml

from greenbench.machine import cpu_state, gpu_processes, gpu_state
from greenbench.machine.processes import own_pids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.machine.cpu_state import Snapshot
    from greenbench.machine.gpu_processes import GpuProcesses
    from greenbench.machine.gpu_records import Gpu
    from greenbench.machine.gpu_state import GpuState
    from greenbench.machine.processes import Adoption


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineObservation:
    """The machine's state over a round, and what about it a reader of the result should know."""

    record: Mapping[str, object] = field(default_factory=dict)
    """For the results file: ``cpu`` and ``gpus``."""
    doubts: tuple[str, ...] = ()
    """Warnings: what makes the round unlike one on a quiet, cool machine."""


class Watch:
    """Notes the machine's state between ``begin`` and ``end``. Close it if it watches GPUs."""

    def __init__(self, gpus: Sequence[Gpu], adoption: Adoption | None = None) -> None:
        """Watch the processors and ``gpus``.

        ``adoption`` keeps orphans ours as long as the watch is open. Raises nothing: a card that
        cannot be read has no state.
        """
        self._gpus = tuple(gpus)
        self._adoption = adoption
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._states: dict[str, list[GpuState]] = {}
        self._processes: dict[str, list[GpuProcesses]] = {}
        self._start: Snapshot | None = None
        self._open = bool(self._gpus) and _initialised()
        self._handles: dict[str, object] = {}
        for gpu in self._gpus:
            self._handles[gpu.uuid] = gpu_state.handle_of(gpu.uuid) if self._open else None

    def begin(self) -> None:
        """Start watching a round, and forget what an earlier one left unfinished."""
        with self._lock:
            self._states = {gpu.uuid: [] for gpu in self._gpus}
            self._processes = {gpu.uuid: [] for gpu in self._gpus}
            self._list_processes()
            self._read_states()
            self._start = cpu_state.snapshot()

    def tick(self) -> None:
        """Read the GPUs' states, if a round is running."""
        with self._lock:
            if self._start is not None:
                self._read_states()

    def end(self) -> MachineObservation:
        """Return what was observed since ``begin``; nothing if no round had begun."""
        # Locked to the end: a late tick would add states after those that are summarised here.
        with self._lock:
            if self._start is None:
                return MachineObservation()
            cpu_record, cpu_warnings = cpu_state.between(self._start, cpu_state.snapshot())
            self._start = None
            self._read_states()
            self._list_processes()
            gpu_records, gpu_warnings = self._summaries()
        return MachineObservation(
            record={"cpu": cpu_record, "gpus": gpu_records},
            doubts=(*cpu_warnings, *gpu_warnings),
        )

    def close(self) -> None:
        """Close NVML and adopt no more orphans.

        Harmless when called twice, and in a forked child, whose copy of the lock may stay locked.
        """
        if os.getpid() != self._owner:
            return
        if self._adoption is not None:
            self._adoption.end()
        with self._lock:
            if self._open:
                self._open = False
                self._handles = dict.fromkeys(self._handles)
                pynvml.nvmlShutdown()

    def _read_states(self) -> None:
        for uuid, states in self._states.items():
            state = gpu_state.read_state(self._handles[uuid])
            states.append(state)

    def _list_processes(self) -> None:
        """List the processes on the cards, at both edges of a round: some are there at only one."""
        own = own_pids() if self._open else frozenset()
        for uuid, observations in self._processes.items():
            processes = gpu_processes.processes_on(self._handles[uuid], own)
            observations.append(processes)

    def _summaries(self) -> tuple[list[dict[str, object]], list[str]]:
        """Return a record for each card, and the warnings about all of them."""
        records = []
        warnings: list[str] = []
        for gpu in self._gpus:
            others = gpu_processes.other_processes(self._processes[gpu.uuid])
            record, gpu_warnings = gpu_state.summary(gpu, self._states[gpu.uuid], others)
            records.append(record)
            warnings.extend(gpu_warnings)
        return records, warnings


def _initialised() -> bool:
    """Open NVML, or return False: the counters give the reason, and no card has a state."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True
