"""The GPUs' side: temperature, clocks, what holds them back, their power limit, and who else is on them.

Every question that NVML cannot answer is None; a card that is lost in mid-round ends its samples, and is told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.gpus import Gpu

REASONS = {
    0x001: "gpu_idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""NVML's reasons for a lower clock (nvmlClocksEventReasons), by bit."""
DISTURBING = (
    "hw_slowdown",
    "sw_thermal_slowdown",
    "hw_thermal_slowdown",
    "hw_power_brake_slowdown",
)
"""Reasons that make a round unlike another. The others are how a card works: at its power limit (``sw_power_cap``) it always
lowers its clocks, and V7 asks for just that; they are recorded and not doubted."""
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """One card at one moment. None stands for what NVML cannot tell."""

    at: float
    """Seconds of ``time.perf_counter``."""
    temperature_c: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    throttle: frozenset[str] | None = None
    """Names of what holds its clocks back."""
    enforced_power_limit_w: float | None = None

    @property
    def known(self) -> bool:
        """Whether the card answered anything."""
        return self != GpuState(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another process on a card."""

    pid: int
    name: str | None
    memory_bytes: int | None
    here: bool
    """Whether the pid exists here; in a container those of NVML are the host's, and need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Who was on a card when it was asked."""

    ours: bool
    """Whether a process of our own was."""
    others: tuple[Neighbour, ...]


def handle_of(uuid: str) -> Any:
    """Return NVML's handle of a card; None where it is lost already."""
    return _ask(pynvml.nvmlDeviceGetHandleByUUID, uuid)


def state(handle: Any) -> GpuState:
    """Ask NVML for the state of a card; without a handle nothing is known of it."""
    at = time.perf_counter()
    if handle is None:
        return GpuState(at=at)
    limit = _ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    reasons = _ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
    return GpuState(
        at=at,
        temperature_c=_ask(pynvml.nvmlDeviceGetTemperatureV, handle, pynvml.NVML_TEMPERATURE_GPU),
        sm_clock_mhz=_ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=_ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        throttle=None if reasons is None else decoded(reasons),
        enforced_power_limit_w=None if limit is None else limit / 1000,
    )


def decoded(mask: int) -> frozenset[str]:
    """Return the names of the reasons in ``mask``; bits of newer drivers are named by their value."""
    bits = [1 << i for i in range(mask.bit_length()) if mask >> i & 1]
    return frozenset(REASONS.get(bit, f"0x{bit:x}") for bit in bits)


def crowd(handle: Any, own: frozenset[int]) -> Crowd:
    """Return who computes or draws on a card, ``own`` pids told from others'."""
    if handle is None:
        return Crowd(ours=False, others=())
    asked = (
        pynvml.nvmlDeviceGetComputeRunningProcesses,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses,
    )
    running = [p for question in asked for p in _ask(question, handle) or ()]
    others = (
        Neighbour(
            pid=p.pid,
            name=_name(p.pid),
            memory_bytes=p.usedGpuMemory,
            here=psutil.pid_exists(p.pid),
        )
        for p in running
        if p.pid not in own
    )
    return Crowd(ours=any(p.pid in own for p in running), others=tuple(others))


def neighbours(crowds: Sequence[Crowd]) -> list[Neighbour]:
    """Return the strangers in any of ``crowds``, each once and with the most memory it had.

    In a container NVML names processes by the host's numbers, which are nobody's here: where none of ours was seen, one such
    unknown process is taken for ourselves and left out. Which of several it is cannot be known, nor whether it is one.
    """
    each = sorted((n for c in crowds for n in c.others), key=lambda n: n.memory_bytes or 0)
    others = {n.pid: n for n in each}
    unknown = [n.pid for n in others.values() if not n.here]
    if unknown and not any(c.ours for c in crowds):
        del others[unknown[0]]
    return list(others.values())


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return question(*arguments)
    except pynvml.NVMLError:  # an older card, or a lost one: not known, and told as such
        return None


def _name(pid: int) -> str | None:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return None


def summary(
    gpu: Gpu, states: Sequence[GpuState], others: Sequence[Neighbour]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a card's states over a round, oldest first, as plain builtins, and what a reader should know of them."""
    seen = [s for s in states if s.known]
    limits = [s.enforced_power_limit_w for s in seen if s.enforced_power_limit_w is not None]
    reasons = [s.throttle for s in seen if s.throttle is not None]
    counts = {name: sum(name in r for r in reasons) for name in sorted(set().union(*reasons))}
    record = {
        "uuid": gpu.uuid,
        "samples": len(seen),
        "temperature_c": _span([s.temperature_c for s in seen]),
        "sm_clock_mhz": _span([s.sm_clock_mhz for s in seen]),
        "memory_clock_mhz": _span([s.memory_clock_mhz for s in seen]),
        "max_sm_clock_mhz": gpu.max_sm_clock_mhz,
        "max_memory_clock_mhz": gpu.max_memory_clock_mhz,
        "throttle": {name: count / len(reasons) for name, count in counts.items()}
        if reasons
        else None,
        "enforced_power_limit_w": {**_span(limits), "start": limits[0], "end": limits[-1]}
        if limits
        else None,
        "other_processes": [
            {"pid": n.pid, "name": n.name, "memory_bytes": n.memory_bytes} for n in others
        ],
    }
    name = f"{gpu.name} ({gpu.uuid[:12]})"
    told = [f"{name} was slowed down by {reason} in {counts[reason]} of {len(reasons)} looks"
            for reason in DISTURBING if reason in counts]  # fmt: skip
    if limits and min(limits) != max(limits):
        moved = f"from {limits[0]:g} to {limits[-1]:g} W (between {min(limits):g} and {max(limits):g} W)"
        told.append(f"the power limit of {name} changed during the round {moved}")
    return record, (*told, *_silence(name, states), *_strangers(name, others))


def _silence(name: str, states: Sequence[GpuState]) -> list[str]:
    silent = [i for i, s in enumerate(states) if not s.known]
    if not silent:
        return []
    looks = f"({len(silent)} of {len(states)} looks)"
    if len(silent) == len(states):
        return [f"NVML gave no state of {name} during the whole round {looks}"]
    since = f"{states[silent[0]].at - states[0].at:.1f} s into the round"
    lost = silent[-1] - silent[0] + 1 == len(silent) and silent[-1] == len(states) - 1
    return [f"NVML gave no state of {name} from {since} on {looks}" if lost else
            f"NVML gave no state of {name} for a while, first {since} {looks}"]  # fmt: skip


def _span(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [v for v in values if v is not None]
    if not known:
        return {"min": None, "mean": None, "max": None}
    return {"min": min(known), "mean": sum(known) / len(known), "max": max(known)}


def _strangers(name: str, others: Sequence[Neighbour]) -> list[str]:
    if not others:
        return []
    each = ", ".join(
        f"{n.name or 'unknown'} (pid {n.pid}{'' if n.memory_bytes is None else f', {n.memory_bytes // MEBIBYTE} MiB'})"
        for n in others
    )
    return [f"{len(others)} other process(es) on {name}, whose joules are in its counter: {each}"]
