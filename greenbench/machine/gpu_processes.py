"""The processes that use a GPU, ours and others', as NVML lists them at the edges of a round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pynvml

from greenbench.machine.nvml import query

if TYPE_CHECKING:
    from collections.abc import Sequence

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherProcess:
    """A process on a card that does not belong to this run."""

    pid: int
    name: str | None
    memory_bytes: int | None
    here: bool
    """Whether the pid exists here; in a container NVML lists the host's pids, which may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcesses:
    """The processes on one card at one moment."""

    ours: bool
    """Whether one of this run's own processes was among them."""
    others: tuple[OtherProcess, ...]


def processes_on(handle: object, own_pids: frozenset[int]) -> GpuProcesses:
    """List the processes that compute or draw on the card with NVML's ``handle`` (None: lost)."""
    if handle is None:
        return GpuProcesses(ours=False, others=())
    computing = query(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or ()
    drawing = query(pynvml.nvmlDeviceGetGraphicsRunningProcesses, handle) or ()
    ours = False
    others = []
    for process in (*computing, *drawing):
        if process.pid in own_pids:
            ours = True
        else:
            others.append(_other_process(process.pid, process.usedGpuMemory))
    return GpuProcesses(ours=ours, others=tuple(others))


def _other_process(pid: int, memory_bytes: int | None) -> OtherProcess:
    try:
        name = psutil.Process(pid).name()
    except psutil.Error:
        name = None
    here = psutil.pid_exists(pid)
    return OtherProcess(pid=pid, name=name, memory_bytes=memory_bytes, here=here)


def other_processes(observations: Sequence[GpuProcesses]) -> list[OtherProcess]:
    """Return the foreign processes in any of ``observations``, each once with its highest memory.

    In a container NVML lists the host's pids, which mean nothing here: if none of ours was seen,
    one such unknown process is taken for this one and left out. Which of several it is cannot be
    known, nor whether it is one of them.
    """
    everyone: list[OtherProcess] = []
    for observation in observations:
        everyone.extend(observation.others)
    everyone.sort(key=lambda process: process.memory_bytes or 0)
    by_pid = {process.pid: process for process in everyone}
    if not any(observation.ours for observation in observations):
        for pid, process in by_pid.items():
            if not process.here:
                del by_pid[pid]
                break
    return list(by_pid.values())


def sharing_warning(card: str, others: Sequence[OtherProcess]) -> str:
    """Warn that ``others`` used ``card``, whose energy counter includes their joules."""
    if not others:
        return ""
    names = ", ".join(_described(process) for process in others)
    return (
        f"{len(others)} other process(es) on {card}, whose counter includes their joules: {names}"
    )


def _described(process: OtherProcess) -> str:
    identity = f"pid {process.pid}"
    if process.memory_bytes is not None:
        identity += f", {process.memory_bytes // MEBIBYTE} MiB"
    return f"{process.name or 'unknown'} ({identity})"
