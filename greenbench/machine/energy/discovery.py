"""Finds the energy counters of this machine: of GPUs, CPU packages and their memory.

Opens what there is and says why the rest is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.energy.gpu_sensors import NO_GPU, gpu_sensors
from greenbench.machine.energy.rapl_sensors import rapl_sensors
from greenbench.machine.energy.sensors import Missing, SensorGroup, nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.energy.sensors import Sensor
    from greenbench.machine.gpus import Gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """The counters that can be read, and by channel why one is missing."""

    available: tuple[Sensor, ...] = ()
    missing: dict[str, Missing]
    close: Callable[[], None] = nothing


def find_sensors(gpus: Sequence[Gpu], *, no_host: str = "", no_gpu: str = NO_GPU) -> Sensors:
    """Open the counters of ``gpus`` and of this machine's CPUs.

    ``no_host`` says why those of the CPUs and their memory would count for others too: then they
    are left alone. ``no_gpu`` says why no GPU counts, where ``gpus`` are none.
    """
    cards = gpu_sensors(gpus, no_gpu)
    zones = _no_zones(no_host) if no_host else rapl_sensors()
    missing = {**zones.missing, **cards.missing}
    available = (*cards.sensors, *zones.sensors)
    return Sensors(available=available, missing=missing, close=cards.close)


def _no_zones(reason: str) -> SensorGroup:
    return SensorGroup(missing={"cpu": Missing(reason), "dram": Missing(reason)})
