"""From knobs to settings of devices: what each knob of the system stage requests of them.

Every value is relative to the device, or compared with the range that the device reports, before
anything is set. If a device has nothing to set, the request says so; a value that a device does not
accept is the user's to correct and raises UsageError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.machine.control import cpu_files
from greenbench.machine.control.controls import (
    Clocks,
    Control,
    KernelFile,
    PowerLimit,
    Value,
    device_errors,
    zeus_gpu,
)
from greenbench.machine.control.transaction import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.machine.control.cpu_files import Zone
    from greenbench.machine.gpu_records import Gpu
    from greenbench.options import SystemOptions

KNOBS = (
    "gpu_power_fraction",
    "gpu_power_w",
    "gpu_clock_fraction",
    "gpu_memory_clock_fraction",
    "cpu_power_fraction",
    "cpu_clock_fraction",
    "cpu_governor",
)
"""The knobs of ``SystemOptions`` that set shared devices.

Threads and affinity belong to the process alone and are set in ``greenbench.stages.system``.
"""
NO_GPU = "not applied: the cell counts no GPU"
NO_POWER_LIMIT = "reports no power limit (a laptop's, or a virtual GPU)"
NO_CLOCKS = "reports no clocks that it can be locked to"
NO_POWER_CAP = "not applied: the kernel shows no power cap of the CPU (powercap)"
POWER_CAP_OFF = "not applied: the kernel's power cap is switched off (powercap, enabled is 0)"
NO_CPU_CLOCKS = "not applied: the kernel shows no CPU clocks (cpufreq)"
NO_GOVERNORS = "not applied: the kernel shows no governors (cpufreq)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one knob requests of the devices."""

    knob: str
    requested: float | str
    settings: Sequence[Setting] = ()
    scale: Mapping[str, float] = field(default_factory=dict)
    """Title of a control to the divisor that turns its values into the unit of the knob."""
    how: str = ""
    """Where the actual value is read."""
    note: str = ""
    """Why there is nothing to set."""

    def in_knob_units(self, control: Control, value: Value) -> Value | float:
        """Return a value of ``control`` in the unit of the knob, to three decimals."""
        divisor = self.scale.get(control.title)
        if divisor is None or value is None:
            return value
        return round(float(str(value)) / divisor, 3)


def requests(options: SystemOptions, gpus: Sequence[Gpu]) -> tuple[Request, ...]:
    """Return a request for every knob that is turned, in the order of ``KNOBS``.

    Raises UsageError for a value that a device does not accept.
    """
    return tuple(_requests(options, gpus))


def _requests(options: SystemOptions, gpus: Sequence[Gpu]) -> Iterator[Request]:
    if options.gpu_power_fraction is not None:
        yield _gpu_power("gpu_power_fraction", options.gpu_power_fraction, gpus)
    if options.gpu_power_w is not None:
        yield _gpu_power("gpu_power_w", options.gpu_power_w, gpus)
    if options.gpu_clock_fraction is not None:
        yield _gpu_clock("gpu_clock_fraction", options.gpu_clock_fraction, "sm", gpus)
    if options.gpu_memory_clock_fraction is not None:
        fraction = options.gpu_memory_clock_fraction
        yield _gpu_clock("gpu_memory_clock_fraction", fraction, "memory", gpus)
    if options.cpu_power_fraction is not None:
        yield _cpu_power(options.cpu_power_fraction)
    if options.cpu_clock_fraction is not None:
        yield _cpu_clock(options.cpu_clock_fraction)
    if options.cpu_governor is not None:
        yield _cpu_governor(options.cpu_governor)


def _gpu_power(knob: str, requested: float, gpus: Sequence[Gpu]) -> Request:
    with_limit = [gpu for gpu in gpus if gpu.default_power_limit_w and not gpu.mig]
    note = _unsettable(gpus, with_limit, NO_POWER_LIMIT)
    if note:
        return Request(knob=knob, requested=requested, note=note)
    is_fraction = knob == "gpu_power_fraction"
    settings, scale = [], {}
    for gpu in gpus:
        unit_w = (gpu.default_power_limit_w or 0.0) if is_fraction else 1.0
        watts = requested * unit_w
        _check_power_range(knob, requested, gpu, watts)
        limit = PowerLimit(gpu.uuid)
        settings.append(Setting(control=limit, value=round(watts * 1000)))
        scale[limit.title] = unit_w * 1000
    how = "NVML's power limit in watts"
    if is_fraction:
        how = "NVML's power limit over the card's default"
    return Request(knob=knob, requested=requested, settings=settings, scale=scale, how=how)


def _check_power_range(knob: str, requested: float, gpu: Gpu, watts: float) -> None:
    """Raise UsageError unless the card accepts a limit of ``watts``."""
    low, high = gpu.min_power_limit_w, gpu.max_power_limit_w
    too_low = low is not None and watts < low
    too_high = high is not None and watts > high
    if not too_low and not too_high:
        return
    message = f"system.{knob}: {requested:g} is {watts:g} W on {gpu.name}, which accepts "
    message += f"{low:g} to {high:g} W"
    if gpu.default_power_limit_w:
        lowest_fraction = (low or 0) / gpu.default_power_limit_w
        message += f" ({lowest_fraction:.2f} of its default and more)"
    raise UsageError(message)


def _unsettable(gpus: Sequence[Gpu], settable: Sequence[Gpu], reason: str) -> str:
    """Say why nothing is set, if a GPU of the cell is not ``settable``: all are set, or none."""
    if not gpus:
        return NO_GPU
    for gpu in gpus:
        if gpu in settable:
            continue
        if gpu.mig:
            reason = "is partitioned by MIG, and its limits apply to all partitions"
        return f"not applied: {gpu.name} ({gpu.uuid}) {reason}"
    return ""


def _gpu_clock(knob: str, fraction: float, kind: str, gpus: Sequence[Gpu]) -> Request:
    clocks = {}
    for gpu in gpus:
        supported = [] if gpu.mig else _supported_clocks(gpu.uuid, kind)
        if supported:
            clocks[gpu.uuid] = supported
    settable = [gpu for gpu in gpus if gpu.uuid in clocks]
    note = _unsettable(gpus, settable, NO_CLOCKS)
    if note:
        return Request(knob=knob, requested=fraction, note=note)
    settings = []
    for gpu in gpus:
        locked = _locked_range(knob, fraction, gpu, clocks[gpu.uuid])
        settings.append(Setting(control=Clocks(gpu.uuid, kind), value=locked))
    how = f"highest {kind} clock seen in the round, of the card's"
    return Request(knob=knob, requested=fraction, settings=settings, how=how)


def _locked_range(knob: str, fraction: float, gpu: Gpu, clocks: Sequence[int]) -> list[int]:
    """Return the range up to ``fraction`` of the highest clock in MHz; raises UsageError."""
    lowest, highest = min(clocks), max(clocks)
    fitting = [clock for clock in clocks if clock <= fraction * highest]
    if not fitting:
        raise UsageError(
            f"system.{knob}: {fraction:g} of {highest} MHz on {gpu.name} is below its lowest "
            f"clock, {lowest} MHz"
        )
    return [lowest, max(fitting)]


def _supported_clocks(uuid: str, kind: str) -> list[int]:
    """Return the clocks in MHz that a card can be locked to; none if it does not report them."""
    try:
        gpu = zeus_gpu(uuid)
        memory_clocks = [int(clock) for clock in gpu.get_supported_memory_clocks()]
        if kind == "memory":
            return memory_clocks
        sm_clocks = gpu.get_supported_graphics_clocks(max(memory_clocks))
        return [int(clock) for clock in sm_clocks]
    except device_errors():
        return []


def _cpu_power(fraction: float) -> Request:
    knob = "cpu_power_fraction"
    zones = cpu_files.zones()
    if not zones:
        return Request(knob=knob, requested=fraction, note=NO_POWER_CAP)
    if not all(zone.enabled for zone in zones):
        return Request(knob=knob, requested=fraction, note=POWER_CAP_OFF)
    settings, scale = [], {}
    for zone in zones:
        cap = round(fraction * zone.reference_uw)
        for path in _limits_to_cap(zone, cap):
            limit = KernelFile(path)
            settings.append(Setting(control=limit, value=str(cap)))
            scale[limit.title] = zone.reference_uw
    how = "powercap's limits over each package's highest"
    return Request(knob=knob, requested=fraction, settings=settings, scale=scale, how=how)


def _limits_to_cap(zone: Zone, cap: int) -> list[str]:
    """Return the files of the long-term limit, and of short-term ones above ``cap``.

    A short-term limit above the cap would let bursts through.
    """
    (long_term, _), *short_terms = zone.limits
    return [long_term, *(path for path, limit in short_terms if limit > cap)]


def _cpu_clock(fraction: float) -> Request:
    knob = "cpu_clock_fraction"
    policies = cpu_files.policies()
    if not policies:
        return Request(knob=knob, requested=fraction, note=NO_CPU_CLOCKS)
    settings, scale = [], {}
    for policy in policies:
        clock = fraction * policy.max_khz
        if clock < policy.min_khz:
            raise UsageError(
                f"system.{knob}: {fraction:g} of {policy.max_khz // 1000} MHz is below the CPU's "
                f"lowest clock, {policy.min_khz // 1000} MHz; "
                f"choose at least {policy.min_khz / policy.max_khz:.2f}"
            )
        file = KernelFile(str(policy.folder / "scaling_max_freq"))
        settings.append(Setting(control=file, value=str(round(clock))))
        scale[file.title] = policy.max_khz
    how = "cpufreq's scaling_max_freq over cpuinfo_max_freq"
    return Request(knob=knob, requested=fraction, settings=settings, scale=scale, how=how)


def _cpu_governor(governor: str) -> Request:
    knob = "cpu_governor"
    policies = cpu_files.policies()
    if not policies:
        return Request(knob=knob, requested=governor, note=NO_GOVERNORS)
    settings = []
    for policy in policies:
        if governor not in policy.governors:
            raise UsageError(
                f"system.{knob}: there is no governor {governor!r} here; "
                f"available: {', '.join(policy.governors)}"
            )
        file = KernelFile(str(policy.folder / "scaling_governor"))
        settings.append(Setting(control=file, value=governor))
    how = "cpufreq's scaling_governor"
    return Request(knob=knob, requested=governor, settings=settings, how=how)
