"""From knobs to what is to be set on which device: a literal table, one function a knob.

Every value is relative to the device, or held against what the device says it takes, before anything is set. A device that has
nothing to set makes a request that says so; a value that a device does not take is the user's to mend, and raises UsageError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.machine.control import cpu_files as processors
from greenbench.machine.control.controls import Clocks, KernelFile, PowerLimit, card, errors
from greenbench.machine.control.transaction import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.control.journal import Entry
    from greenbench.machine.gpus import Gpu
    from greenbench.options import SystemOptions

NO_GPU = "not applied: the cell counts no GPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one knob asks of the devices."""

    knob: str
    asked: Any
    wishes: tuple[Setting, ...] = ()
    scale: dict[str, float] = field(default_factory=dict)
    """Control's title to the number that its values are divided by, so that they compare with what was asked."""
    note: str = ""
    """Why there is nothing to set."""
    how: str = ""

    def value(self, entry: Entry, value: Any) -> Any:
        """Return a value of ``entry`` in the terms of the knob."""
        by = self.scale.get(entry.control.title)
        return value if by is None or value is None else round(float(value) / by, 3)


def requests(options: SystemOptions, gpus: Sequence[Gpu]) -> tuple[Request, ...]:
    """Return a request for every knob that is turned; raises UsageError for a value that a device does not take."""
    asked = {knob: getattr(options, knob) for knob in KNOBS}
    return tuple(
        KNOBS[knob](knob, value, gpus) for knob, value in asked.items() if value is not None
    )


def _gpu_power(knob: str, asked: float, gpus: Sequence[Gpu]) -> Request:
    able = [g for g in gpus if g.default_power_limit_w and not g.mig]
    if lacking := _lacking(
        knob, asked, gpus, able, "tells no power limit (a laptop's, or a virtual GPU)"
    ):
        return lacking
    fractions = knob == "gpu_power_fraction"
    watts = {g.uuid: asked * (g.default_power_limit_w or 0) if fractions else asked for g in able}
    for gpu in able:
        _within(knob, asked, gpu, watts[gpu.uuid])
    limits = {g.uuid: PowerLimit(g.uuid) for g in able}
    return Request(
        knob=knob,
        asked=asked,
        wishes=tuple(
            Setting(control=limits[g.uuid], value=round(watts[g.uuid] * 1000)) for g in able
        ),
        scale={
            limits[g.uuid].title: 1000 * ((g.default_power_limit_w or 0) if fractions else 1)
            for g in able
        },
        how="NVML's power limit" + (" over the card's default" if fractions else " in watts"),
    )


def _within(knob: str, asked: float, gpu: Gpu, watts: float) -> None:
    low, high = gpu.min_power_limit_w, gpu.max_power_limit_w
    if (low is not None and watts < low) or (high is not None and watts > high):
        raise UsageError(
            f"system.{knob}: {asked:g} is {watts:g} W on {gpu.name}, which takes {low:g} to {high:g} W"
            f"{f' ({(low or 0) / gpu.default_power_limit_w:.2f} of its default and more)' if gpu.default_power_limit_w else ''}"
        )


def _clocks(kind: str) -> Callable[[str, float, Sequence[Gpu]], Request]:
    def request(knob: str, asked: float, gpus: Sequence[Gpu]) -> Request:
        able = [g for g in gpus if not g.mig and _supported(g.uuid, kind)]
        if lacking := _lacking(knob, asked, gpus, able, "tells no clocks that it can be locked to"):
            return lacking
        locks = []
        for gpu in able:
            clocks = _supported(gpu.uuid, kind)
            fitting = [c for c in clocks if c <= asked * max(clocks)]
            if not fitting:
                raise UsageError(
                    f"system.{knob}: {asked:g} of {max(clocks)} MHz on {gpu.name} is below its lowest clock, {min(clocks)} MHz"
                )
            locks.append(Setting(control=Clocks(gpu.uuid, kind), value=[min(clocks), max(fitting)]))
        return Request(
            knob=knob,
            asked=asked,
            wishes=tuple(locks),
            how=f"highest {kind} clock seen in the round, of the card's",
        )

    return request


def _supported(uuid: str, kind: str) -> list[int]:
    """Return the clocks that a card can be locked to; none where it does not tell."""
    try:
        gpu = card(uuid)
        memory = [int(c) for c in gpu.get_supported_memory_clocks()]
        return (
            memory
            if kind == "memory"
            else [int(c) for c in gpu.get_supported_graphics_clocks(max(memory))]
        )
    except errors():
        return []


def _lacking(
    knob: str, asked: Any, gpus: Sequence[Gpu], able: Sequence[Gpu], why: str
) -> Request | None:
    """Return a request that sets nothing where some of the cell's GPUs cannot be set: all or none."""
    if not gpus:
        return Request(knob=knob, asked=asked, note=NO_GPU)
    if unable := [g for g in gpus if g not in able]:
        gpu = unable[0]
        reason = "is partitioned by MIG, and its limits are all partitions'" if gpu.mig else why
        return Request(
            knob=knob, asked=asked, note=f"not applied: {gpu.name} ({gpu.uuid}) {reason}"
        )
    return None


def _cpu_power(knob: str, asked: float, _gpus: Sequence[Gpu]) -> Request:
    zones = processors.zones()
    if not zones:
        return Request(
            knob=knob,
            asked=asked,
            note="not applied: the kernel shows no power cap of the processor (powercap)",
        )
    if not all(zone.enabled for zone in zones):
        return Request(
            knob=knob,
            asked=asked,
            note="not applied: the kernel's power cap is switched off (powercap, enabled is 0)",
        )
    wishes, scale = [], {}
    for zone in zones:
        cap = round(asked * zone.reference_uw)
        for number, (path, limit) in enumerate(zone.limits):
            if (
                number == 0 or limit > cap
            ):  # a short-term limit above the cap would let bursts through
                control = KernelFile(path)
                wishes.append(Setting(control=control, value=str(cap)))
                scale[control.title] = zone.reference_uw
    return Request(
        knob=knob,
        asked=asked,
        wishes=tuple(wishes),
        scale=scale,
        how="powercap's limits over each package's highest",
    )


def _cpu_clock(knob: str, asked: float, _gpus: Sequence[Gpu]) -> Request:
    policies = processors.policies()
    if not policies:
        return Request(
            knob=knob,
            asked=asked,
            note="not applied: the kernel shows no processor clocks (cpufreq)",
        )
    if low := next((p for p in policies if asked * p.max_khz < p.min_khz), None):
        raise UsageError(
            f"system.{knob}: {asked:g} of {low.max_khz // 1000} MHz is below the processor's lowest, {low.min_khz // 1000}; "
            f"choose at least {low.min_khz / low.max_khz:.2f}"
        )
    controls = {p: KernelFile(str(p.folder / "scaling_max_freq")) for p in policies}
    return Request(
        knob=knob,
        asked=asked,
        wishes=tuple(
            Setting(control=c, value=str(round(asked * p.max_khz))) for p, c in controls.items()
        ),
        scale={c.title: p.max_khz for p, c in controls.items()},
        how="cpufreq's scaling_max_freq over cpuinfo_max_freq",
    )


def _governor(knob: str, asked: str, _gpus: Sequence[Gpu]) -> Request:
    policies = processors.policies()
    if not policies:
        return Request(
            knob=knob, asked=asked, note="not applied: the kernel shows no governors (cpufreq)"
        )
    if lacking := next((p for p in policies if asked not in p.governors), None):
        raise UsageError(
            f"system.{knob}: there is no governor {asked!r} here; there are: {', '.join(lacking.governors)}"
        )
    files = [KernelFile(str(Path(p.folder) / "scaling_governor")) for p in policies]
    return Request(
        knob=knob,
        asked=asked,
        wishes=tuple(Setting(control=f, value=asked) for f in files),
        how="cpufreq's scaling_governor",
    )


KNOBS: dict[str, Callable[[str, Any, Sequence[Gpu]], Request]] = {
    "gpu_power_fraction": _gpu_power,
    "gpu_power_w": _gpu_power,
    "gpu_clock_fraction": _clocks("sm"),
    "gpu_memory_clock_fraction": _clocks("memory"),
    "cpu_power_fraction": _cpu_power,
    "cpu_clock_fraction": _cpu_clock,
    "cpu_governor": _governor,
}
"""Knob of ``SystemOptions`` to what it asks for. Threads and affinity are the process's own and stand in ``stages.system``."""
