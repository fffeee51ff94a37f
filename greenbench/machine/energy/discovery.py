"""Finds the energy counters of this machine: of GPUs, CPU packages, their memory, and the whole.

Opens what there is and says why the rest is missing. Where two kinds of device count one channel,
the first of ``HOST`` does; the others' joules would be the same ones again.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.energy.cray_sensors import cray_sensors
from greenbench.machine.energy.gpu_sensors import NO_GPU, gpu_sensors
from greenbench.machine.energy.grace_sensors import grace_sensors
from greenbench.machine.energy.rapl_sensors import rapl_sensors
from greenbench.machine.energy.sensors import Missing, SensorGroup, nothing
from greenbench.machine.energy.soc_sensors import soc_sensors
from greenbench.machine.energy.user_sensors import refuse_replacement, user_sensors
from greenbench.types import NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from greenbench.machine.energy.sensors import Sensor
    from greenbench.machine.gpu_records import Gpu
    from greenbench.machine.sensor_classes import UserSensors

CHANNELS_OF_HOST = ("cpu", "dram")
HOST: tuple[Callable[[], SensorGroup], ...] = (
    soc_sensors,
    grace_sensors,
    rapl_sensors,
    cray_sensors,
)
"""What knows of CPUs, memory and the machine as a whole, what is closest to the chip first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """The counters that can be read, and by channel why one is missing."""

    available: tuple[Sensor, ...] = ()
    missing: dict[str, Missing]
    close: Callable[[], None] = nothing


def find_sensors(
    gpus: Sequence[Gpu],
    *,
    no_host: str = "",
    no_gpu: str = NO_GPU,
    own: UserSensors | None = None,
    integrated_gpu: bool = False,
) -> Sensors:
    """Open the counters of ``gpus``, of this machine's CPUs and memory, and of it as a whole.

    ``no_host`` says why all but those of the GPUs would count for others too: then they are left
    alone, those of the user's ``own`` too. ``no_gpu`` says why no GPU counts, where ``gpus`` are
    none, and ``integrated_gpu`` whether that of a system on a chip does. Raises UsageError if one
    of the user's ``own`` sensors cannot be opened, or stands for a channel that is measured here.
    """
    with ExitStack() as opened:
        groups = [gpu_sensors(gpus, no_gpu)]
        groups += [_no_host(no_host, own)] if no_host else [find() for find in HOST]
        for group in groups:
            opened.callback(group.close)
        found = _merged(groups)
        if not integrated_gpu:
            found = _without_integrated(found, no_gpu)
        if own is not None and own.names and not no_host:
            added = user_sensors(own.names, own.root, own.option)
            opened.callback(added.close)
            refuse_replacement(added, found.sensors, own.option)
            found = _merged([added, found])
        return Sensors(
            available=found.sensors, missing=dict(found.missing), close=opened.pop_all().close
        )


def _merged(groups: Iterable[SensorGroup]) -> SensorGroup:
    """Return the sensors of each channel from the first group that has some."""
    sensors: list[Sensor] = []
    missing: dict[str, Missing] = {}
    for group in groups:
        counted = {sensor.channel for sensor in sensors}
        sensors += [sensor for sensor in group.sensors if sensor.channel not in counted]
        for channel, reason in group.missing.items():
            missing.setdefault(channel, reason)
    for sensor in sensors:
        missing.pop(sensor.channel, None)
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _without_integrated(found: SensorGroup, reason: str) -> SensorGroup:
    """Leave out the GPU of a system on a chip, which has no UUID, where it does not count."""
    sensors = [one for one in found.sensors if one.channel != "gpu" or one.uuid]
    missing = dict(found.missing)
    if len(sensors) < len(found.sensors):
        missing["gpu"] = Missing(reason)
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _no_host(reason: str, own: UserSensors | None) -> SensorGroup:
    channels = CHANNELS_OF_HOST if own is None or not own.names else (*CHANNELS_OF_HOST, NODE)
    return SensorGroup(missing=dict.fromkeys(channels, Missing(reason)))
