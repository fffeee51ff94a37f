"""What can be measured on this machine, channel by channel, and how to get the rest.

The data behind ``greenbench doctor``. Opens the counters for a few seconds, measures how often they
move and what the machine draws meanwhile, and closes them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.control.context import ZEUSD
from greenbench.machine.energy.calibration import calibrated
from greenbench.machine.energy.counters import Counters
from greenbench.machine.energy.discovery import find_sensors
from greenbench.machine.energy.estimate import watts_per_core
from greenbench.machine.energy.gpu_sensors import no_counter
from greenbench.machine.energy.idle import measure_idle
from greenbench.machine.energy.sensors import Missing
from greenbench.machine.environment import cpu_model
from greenbench.machine.gpu_records import AMD
from greenbench.types import ALL_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.energy.sensors import Sensor
    from greenbench.machine.gpu_records import Gpu, Survey
    from greenbench.machine.sensor_classes import UserSensors

PAUSE_S = 3.0
"""How long the idle power is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One counter, or a channel without any."""

    channel: str
    device: str
    available: bool
    source: str
    """``none`` if nothing is known of the channel; an estimate does not count as available."""
    update_seconds: float | None = None
    """Measured, or stated by a device whose watts are integrated."""
    shortest_window_seconds: float | None = None
    """Window in which one update period is 5 %."""
    idle_w: float | None = None
    idle_uncertainty_w: float | None = None
    """Half-width of the 95 % interval."""
    permission: str = ""
    reason: str = ""
    remedy: str = ""
    """A command that would grant what is missing."""


def examine(
    survey: Survey, pause_s: float = PAUSE_S, own: UserSensors | None = None
) -> list[Finding]:
    """Examine every GPU of ``survey``, the counters of the host, and the estimate without one.

    Takes the time to calibrate each counter, and a pause of ``pause_s`` for each. ``own`` are
    sensors of the user's; raises UsageError if one cannot be opened, or would replace another.
    """
    findings = []
    for gpu in survey.gpus:
        if not gpu.energy_counter:
            findings.append(_gpu_without_counter(gpu))
    for lost in survey.lost:
        if survey.gpus:  # otherwise they are the survey's reason
            findings.append(_missing("gpu", Missing(str(lost))))
    readable = [gpu for gpu in survey.gpus if gpu.energy_counter]
    sensors = find_sensors(readable, own=own, integrated_gpu=True)
    counted = [_counted(sensor, pause_s, survey.gpus) for sensor in sensors.available]
    sensors.close()
    for channel, missing in sensors.missing.items():
        if channel == "gpu" and not survey.gpus:
            findings.append(_missing(channel, Missing(survey.reason)))
        else:
            findings.append(_missing(channel, missing))
    return sorted([*counted, *findings], key=lambda finding: ALL_CHANNELS.index(finding.channel))


def _counted(sensor: Sensor, pause_s: float, gpus: Sequence[Gpu]) -> Finding:
    """Return a counter's update period and idle power, and what may be done with its device."""
    sensor = calibrated(sensor)
    counters = Counters([sensor])
    idle = measure_idle(counters, pause_s)
    counters.close()
    channel, counter = sensor.channel, sensor.counter
    known = sensor.calibrated or sensor.fixed_update
    device = counter.name.removeprefix("RAPL counter of ")
    permission, remedy = "read", ""
    gpu = _gpu_of(sensor, gpus)
    if gpu is not None:
        device = f"{gpu.name} ({gpu.uuid})"
        permission = f"read; {_control(gpu)}"
        remedy = "" if _may_control() or gpu.vendor == AMD else ZEUSD
    uncertainty_w = idle.uncertainty_w.get(channel)
    return Finding(
        channel=channel,
        device=device,
        available=channel in idle.watts,
        source=sensor.source,
        update_seconds=counter.update_s if known else None,
        shortest_window_seconds=counters.shortest_s if known else None,
        idle_w=idle.watts.get(channel),
        idle_uncertainty_w=None if uncertainty_w is None else 2 * uncertainty_w,
        permission=permission,
        reason=idle.reasons.get(channel, sensor.note),
        remedy=remedy,
    )


def _gpu_of(sensor: Sensor, gpus: Sequence[Gpu]) -> Gpu | None:
    for gpu in gpus:
        if gpu.uuid == sensor.uuid:
            return gpu
    return None


def _control(gpu: Gpu) -> str:
    if gpu.vendor == AMD:
        return "greenbench sets nothing on AMD cards"
    limits = f"{gpu.min_power_limit_w} to {gpu.max_power_limit_w} W, now {gpu.power_limit_w} W"
    if _may_control():
        return f"power limit {limits}"
    return f"power limit read only ({limits})"


def _may_control() -> bool:
    """Whether root or the daemon may set limits; only setting one would prove it."""
    daemon = "ZEUSD_SOCK_PATH" in os.environ or "ZEUSD_HOST_PORT" in os.environ
    return daemon or os.geteuid() == 0


def _gpu_without_counter(gpu: Gpu) -> Finding:
    return Finding(
        channel="gpu",
        device=f"{gpu.name} ({gpu.uuid})",
        available=False,
        source="none",
        reason=no_counter(gpu),
    )


def _missing(channel: str, missing: Missing) -> Finding:
    """Return why a channel has no counter, what replaces it, and the remedy."""
    source = "none"
    if channel == "cpu":
        source = f"estimated:cpu-seconds*{watts_per_core(cpu_model()).label}"
    return Finding(
        channel=channel,
        device="-",
        available=False,
        source=source,
        permission="none" if missing.forbidden else "",
        reason=missing.reason,
        remedy=missing.remedy,
    )
