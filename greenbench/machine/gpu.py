"""The GPUs' side: temperature, clocks, what holds them back, their power limit, and who else is on them.

Every question that NVML cannot answer is None; a card that is lost in mid-round ends its samples, and is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.devices import Gpu

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
DISTURBING = ("hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown")
"""Reasons that make a round unlike another. The others are how a card works: at its power limit (``sw_power_cap``) it always
lowers its clocks, and V7 asks for just that; they are recorded and not doubted."""
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """One card at one moment."""

    temperature_c: int | None
    sm_clock_mhz: int | None
    memory_clock_mhz: int | None
    throttle: frozenset[str] | None
    enforced_power_limit_w: float | None

    @property
    def known(self) -> bool:
        """Whether the card answered anything."""
        answers = (self.temperature_c, self.sm_clock_mhz, self.throttle, self.enforced_power_limit_w)
        return any(answer is not None for answer in answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another process on a card."""

    pid: int
    name: str | None
    memory_bytes: int | None


def state(handle: Any) -> GpuState:
    """Ask NVML for the state of a card."""
    limit = _ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    reasons = _ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
    return GpuState(
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


def neighbours(handle: Any, own: frozenset[int]) -> list[Neighbour]:
    """Return the processes on a card that are not ``own``.

    In a container NVML names processes by the host's numbers, which are nobody's here: one such unknown process may be
    ourselves, and is left out.
    """
    asked = (pynvml.nvmlDeviceGetComputeRunningProcesses, pynvml.nvmlDeviceGetGraphicsRunningProcesses)
    running = {p.pid: p.usedGpuMemory for question in asked for p in _ask(question, handle) or ()}
    others = {pid: memory for pid, memory in running.items() if pid not in own}
    unknown = [pid for pid in others if not psutil.pid_exists(pid)]
    ours = unknown[:1] if not own & set(running) else []
    return [Neighbour(pid=p, name=_name(p), memory_bytes=m) for p, m in others.items() if p not in ours]


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


def summary(gpu: Gpu, states: Sequence[GpuState], others: Sequence[Neighbour]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a card's states over a round as plain builtins, and what a reader should know of them."""
    seen = [s for s in states if s.known]
    limits = [s.enforced_power_limit_w for s in seen if s.enforced_power_limit_w is not None]
    reasons = [s.throttle for s in seen if s.throttle is not None]
    shares = {name: sum(name in r for r in reasons) / len(reasons) for name in sorted(set().union(*reasons))}
    record = {
        "uuid": gpu.uuid,
        "samples": len(seen),
        "temperature_c": _span([s.temperature_c for s in seen]),
        "sm_clock_mhz": _span([s.sm_clock_mhz for s in seen]),
        "memory_clock_mhz": _span([s.memory_clock_mhz for s in seen]),
        "throttle": shares if reasons else None,
        "enforced_power_limit_w": {**_span(limits), "start": limits[0], "end": limits[-1]} if limits else None,
        "other_processes": [{"pid": n.pid, "name": n.name, "memory_bytes": n.memory_bytes} for n in others],
    }
    name = f"{gpu.name} ({gpu.uuid[:12]})"
    told = [f"{name} was slowed down by {reason} in {100 * shares[reason]:.0f} % of {len(reasons)} looks"
            for reason in DISTURBING if reason in shares]  # fmt: skip
    if limits and min(limits) != max(limits):
        moved = f"from {limits[0]:g} to {limits[-1]:g} W (between {min(limits):g} and {max(limits):g} W)"
        told.append(f"the power limit of {name} changed during the round {moved}")
    if len(seen) < len(states):
        told.append(f"{name} gave no state in {len(states) - len(seen)} of {len(states)} looks during the round")
    told += _crowd(name, others)
    return record, tuple(told)


def _span(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [v for v in values if v is not None]
    if not known:
        return {"min": None, "mean": None, "max": None}
    return {"min": min(known), "mean": sum(known) / len(known), "max": max(known)}


def _crowd(name: str, others: Sequence[Neighbour]) -> list[str]:
    if not others:
        return []
    each = ", ".join(
        f"{n.name or 'unknown'} (pid {n.pid}{'' if n.memory_bytes is None else f', {n.memory_bytes // MEBIBYTE} MiB'})"
        for n in others
    )
    return [f"{len(others)} other process(es) on {name}, whose joules are in its counter: {each}"]
