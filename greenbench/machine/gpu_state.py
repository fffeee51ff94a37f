"""The GPUs' state over a round: temperature, clocks, throttling, power limit.

A question that NVML cannot answer is None. A card that is lost during a round ends its samples, and
a warning says so.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pynvml

from greenbench.machine.gpu_processes import sharing_warning
from greenbench.machine.nvml import query, watts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpu_processes import OtherProcess
    from greenbench.machine.gpu_records import Gpu

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
"""Reasons that make one round unlike another.

The others are how a card works: at its power limit (``sw_power_cap``) it always lowers its clocks,
which is what a power cap is for; they are recorded without a warning.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    """One card at one moment. None stands for what NVML cannot report."""

    at: float
    """Seconds of ``time.perf_counter``."""
    temperature_c: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    throttle: frozenset[str] | None = None
    """Names of the reasons for a lower clock."""
    enforced_power_limit_w: float | None = None

    @property
    def known(self) -> bool:
        """Whether the card answered any question."""
        return self != GpuState(at=self.at)


def handle_of(uuid: str) -> object:
    """Return NVML's handle of a card; None if it is lost already."""
    return query(pynvml.nvmlDeviceGetHandleByUUID, uuid)


def read_state(handle: object) -> GpuState:
    """Read the state of a card from NVML; without a handle nothing is known of it."""
    at = time.perf_counter()
    if handle is None:
        return GpuState(at=at)
    reasons = query(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
    thermometer = pynvml.NVML_TEMPERATURE_GPU
    return GpuState(
        at=at,
        temperature_c=query(pynvml.nvmlDeviceGetTemperatureV, handle, thermometer),
        sm_clock_mhz=query(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=query(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        throttle=None if reasons is None else decoded(reasons),
        enforced_power_limit_w=watts(query(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
    )


def decoded(mask: int) -> frozenset[str]:
    """Return the names of the reasons in ``mask``; an unknown bit is named by its value."""
    names = set()
    for position in range(mask.bit_length()):
        bit = 1 << position
        if mask & bit:
            names.add(REASONS.get(bit, f"0x{bit:x}"))
    return frozenset(names)


def summary(
    gpu: Gpu, states: Sequence[GpuState], others: Sequence[OtherProcess]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return a card's states over a round as plain builtins, and the warnings about them.

    ``states`` are ordered from the oldest to the newest; ``others`` are foreign processes on it.
    """
    known = [state for state in states if state.known]
    limits = _power_limits(known)
    counts, samples = _throttling(known)
    temperatures = [state.temperature_c for state in known]
    sm_clocks = [state.sm_clock_mhz for state in known]
    memory_clocks = [state.memory_clock_mhz for state in known]
    record: dict[str, object] = {
        "uuid": gpu.uuid,
        "samples": len(known),
        "temperature_c": _range(temperatures),
        "sm_clock_mhz": _range(sm_clocks),
        "memory_clock_mhz": _range(memory_clocks),
        "max_sm_clock_mhz": gpu.max_sm_clock_mhz,
        "max_memory_clock_mhz": gpu.max_memory_clock_mhz,
        "throttle": _shares(counts, samples),
        "enforced_power_limit_w": _limit_record(limits),
        "other_processes": [_process_record(process) for process in others],
    }
    card = f"{gpu.name} ({gpu.uuid[:12]})"
    warnings = (
        *_throttle_warnings(card, counts, samples),
        _limit_warning(card, limits),
        _silence_warning(card, states),
        sharing_warning(card, others),
    )
    return record, tuple(filter(None, warnings))


def _power_limits(states: Sequence[GpuState]) -> list[float]:
    limits = []
    for state in states:
        if state.enforced_power_limit_w is not None:
            limits.append(state.enforced_power_limit_w)
    return limits


def _throttling(states: Sequence[GpuState]) -> tuple[Counter[str], int]:
    """Return how many samples showed each reason, and how many samples know their reasons."""
    counts: Counter[str] = Counter()
    samples = 0
    for state in states:
        if state.throttle is not None:
            counts.update(state.throttle)
            samples += 1
    return counts, samples


def _shares(counts: Counter[str], samples: int) -> dict[str, float] | None:
    if not samples:
        return None
    return {reason: counts[reason] / samples for reason in sorted(counts)}


def _range(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"min": None, "mean": None, "max": None}
    return {"min": min(known), "mean": sum(known) / len(known), "max": max(known)}


def _limit_record(limits: Sequence[float]) -> dict[str, float | None] | None:
    if not limits:
        return None
    return _range(limits) | {"start": limits[0], "end": limits[-1]}


def _process_record(process: OtherProcess) -> dict[str, object]:
    return {"pid": process.pid, "name": process.name, "memory_bytes": process.memory_bytes}


def _throttle_warnings(card: str, counts: Counter[str], samples: int) -> list[str]:
    warnings = []
    for reason in DISTURBING:
        count = counts[reason]
        if count:
            frequency = f"in {count} of {samples} samples"
            warnings.append(f"{card} was slowed down by {reason} {frequency}")
    return warnings


def _limit_warning(card: str, limits: Sequence[float]) -> str:
    if not limits:
        return ""
    lowest, highest = min(limits), max(limits)
    if lowest == highest:
        return ""
    change = f"from {limits[0]:g} to {limits[-1]:g} W"
    extremes = f"between {lowest:g} and {highest:g} W"
    return f"the power limit of {card} changed during the round {change} ({extremes})"


def _silence_warning(card: str, states: Sequence[GpuState]) -> str:
    silent = [number for number, state in enumerate(states) if not state.known]
    if not silent:
        return ""
    missing = f"NVML reported no state of {card}"
    samples = f"({len(silent)} of {len(states)} samples)"
    if len(silent) == len(states):
        return f"{missing} during the whole round {samples}"
    first, last = silent[0], silent[-1]
    seconds = states[first].at - states[0].at
    since = f"{seconds:.1f} s into the round"
    uninterrupted = last - first + 1 == len(silent)
    to_the_end = last == len(states) - 1
    if uninterrupted and to_the_end:
        return f"{missing} from {since} on {samples}"
    return f"{missing} for a while, first {since} {samples}"
