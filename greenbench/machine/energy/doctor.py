"""What can be measured on this machine, channel by channel, and how to get the rest: the ground of ``greenbench doctor``.

Opens the counters for a few seconds, measures how often they move and what the machine draws meanwhile, and closes them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.control.context import ZEUSD
from greenbench.machine.energy.calibration import calibrated
from greenbench.machine.energy.counters import Counters
from greenbench.machine.energy.estimate import watts_per_core
from greenbench.machine.energy.sensors import GRANT_RAPL, NO_PERMISSION, NO_RAPL, find_sensors
from greenbench.machine.environment import cpu_model, virtual_machine
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.energy.sensors import Sensor, Sensors
    from greenbench.machine.gpus import Gpu, Survey

PAUSE_S = 3.0
"""How long the idle power is measured."""
LOAD_RAPL = "sudo modprobe intel_rapl_msr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One counter, or a channel without any."""

    channel: str
    device: str
    available: bool
    source: str
    """``none`` where nothing is known of the channel; an estimate is not available as a measurement."""
    update_seconds: float | None = None
    shortest_window_seconds: float | None = None
    """Window in which one update period is 5 %."""
    idle_w: float | None = None
    idle_uncertainty_w: float | None = None
    """Half-width of the 95 % interval."""
    permission: str = ""
    reason: str = ""
    remedy: str = ""
    """A command that would grant what is missing."""


def examine(survey: Survey, pause_s: float = PAUSE_S) -> list[Finding]:
    """Look at every GPU of ``survey``, at RAPL, and at the estimate that stands in; takes up to two pauses."""
    sensors = find_sensors([gpu for gpu in survey.gpus if gpu.energy_counter])
    found = [_counted(sensor, pause_s, survey.gpus) for sensor in sensors.found]
    sensors.close()
    silent = [_silent(gpu) for gpu in survey.gpus if not gpu.energy_counter]
    missing = [_missing(c, sensors, survey) for c in CHANNELS if c in sensors.missing]
    return sorted([*found, *silent, *missing], key=lambda f: CHANNELS.index(f.channel))


def _counted(sensor: Sensor, pause_s: float, gpus: Sequence[Gpu]) -> Finding:
    from greenbench.machine.energy.idle import measure_idle

    known = calibrated(sensor)
    counters = Counters([known])
    idle = measure_idle(counters, pause_s)
    counters.close()
    channel, counter = sensor.channel, known.counter
    gpu = next((g for g in gpus if g.uuid == sensor.uuid), None)
    return Finding(
        channel=channel,
        device=f"{gpu.name} ({gpu.uuid})"
        if gpu is not None
        else counter.name.removeprefix("RAPL counter of "),
        available=channel in idle.watts,
        source=sensor.source,
        update_seconds=counter.update_s if known.calibrated else None,
        shortest_window_seconds=counters.shortest_s if known.calibrated else None,
        idle_w=idle.watts.get(channel),
        idle_uncertainty_w=None if channel not in idle.watts else 2 * idle.uncertainty_w[channel],
        permission=f"read; {_control(gpu)}" if gpu is not None else "read",
        reason=idle.reasons.get(channel, ""),
        remedy=ZEUSD if gpu is not None and not _may_control() else "",
    )


def _control(gpu: Gpu) -> str:
    limits = f"{gpu.min_power_limit_w} to {gpu.max_power_limit_w} W, now {gpu.power_limit_w} W"
    return f"power limit {limits}" if _may_control() else f"power limit read only ({limits})"


def _may_control() -> bool:
    """Whether limits may be settable: by root, or through the daemon; only setting one would prove it."""
    return os.geteuid() == 0 or "ZEUSD_SOCK_PATH" in os.environ or "ZEUSD_HOST_PORT" in os.environ


def _silent(gpu: Gpu) -> Finding:
    return Finding(
        channel="gpu",
        device=f"{gpu.name} ({gpu.uuid})",
        available=False,
        source="none",
        reason="it has no energy counter (those of Volta and newer cards have)",
    )


def _missing(channel: str, sensors: Sensors, survey: Survey) -> Finding:
    """Say why a channel has no counter, what stands in, and what to do."""
    reason = survey.reason if channel == "gpu" and not survey.gpus else sensors.missing[channel]
    forbidden = reason.startswith(NO_PERMISSION)
    return Finding(
        channel=channel,
        device="-",
        available=False,
        source=f"estimated:cpu-seconds*{watts_per_core(cpu_model()).label}"
        if channel == "cpu"
        else "none",
        permission="none" if forbidden else "",
        reason=NO_PERMISSION if forbidden else reason,
        remedy=GRANT_RAPL
        if forbidden
        else LOAD_RAPL
        if reason == NO_RAPL and virtual_machine() is None
        else "",
    )
