"""The energy counters of GPUs, read through Zeus: NVIDIA's from NVML, AMD's from amdsmi."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from greenbench.machine import amd_gpus
from greenbench.machine.energy.integrated_power import IntegratedPower
from greenbench.machine.energy.readings import GPU_WATTS, NVML_UPDATE_S, Counter
from greenbench.machine.energy.sensors import (
    Missing,
    Sensor,
    SensorGroup,
    nothing,
    read_errors,
)
from greenbench.machine.gpu_records import AMD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.gpu_records import Gpu

AMD_UPDATE_S = 0.1
"""Assumed of AMD's sensors; of the counter it is measured."""
NO_GPU = "no GPU is counted (CPU cell)"


class ZeusGpu(Protocol):
    """The part of Zeus's GPU class that is used here."""

    def get_total_energy_consumption(self) -> int:
        """Return the energy counter in millijoules."""

    def get_instant_power_usage(self) -> int:
        """Return the power in milliwatts."""


def gpu_sensors(gpus: Sequence[Gpu], no_gpu: str = NO_GPU) -> SensorGroup:
    """Open the counters of all ``gpus``; if one of them cannot be read, none is.

    The joules of the others would look like those of all. ``no_gpu`` is the reason without any.
    """
    if not gpus:
        return _none(no_gpu)
    without_counter = [gpu for gpu in gpus if not gpu.energy_counter]
    if without_counter:
        cards = ", ".join(f"{gpu.name} ({gpu.uuid})" for gpu in without_counter)
        causes = ", ".join({no_counter(gpu): None for gpu in without_counter})
        return _none(f"{cards}: {causes}")
    if gpus[0].vendor == AMD:
        return _opened(gpus, _amd_sensor, nothing)
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return _none(f"NVML reports '{error}'")
    return _opened(gpus, _gpu_sensor, pynvml.nvmlShutdown)


def _opened(
    gpus: Sequence[Gpu], open_sensor: Callable[[Gpu], Sensor], close: Callable[[], None]
) -> SensorGroup:
    sensors = []
    for gpu in gpus:
        try:
            sensors.append(open_sensor(gpu))
        except read_errors() as error:
            close()
            return _none(f"the energy counter of {gpu.name} ({gpu.uuid}) cannot be read: {error}")
    return SensorGroup(sensors=tuple(sensors), close=close)


def no_counter(gpu: Gpu) -> str:
    """Return why a GPU shows no energy."""
    if gpu.vendor == AMD:
        return gpu.counter_error
    if gpu.counter_error:
        return f"the energy counter cannot be read (NVML reports '{gpu.counter_error}')"
    return "no energy counter (cards of Volta and newer generations have one)"


def _none(reason: str) -> SensorGroup:
    return SensorGroup(missing={"gpu": Missing(reason)})


def _gpu_sensor(gpu: Gpu) -> Sensor:
    card = _zeus_gpu(gpu.uuid)
    card.get_total_energy_consumption()  # raises here, and not in the first window
    name = f"energy counter of {gpu.name} ({gpu.uuid})"
    return Sensor(
        channel="gpu",
        source="simulated:nvml-counter" if gpu.simulated else "zeus:nvml-counter",
        counter=Counter(name=name, max_watts=GPU_WATTS, update_s=NVML_UPDATE_S),
        read=lambda: card.get_total_energy_consumption() / 1000,
        power=_power_reader(card),
        uuid=gpu.uuid,
    )


def _amd_sensor(gpu: Gpu) -> Sensor:
    """Open an AMD card: its counter if Zeus found it right, else its watts, integrated."""
    card = amd_gpus.cards_of_zeus()[gpu.index]
    origin = "simulated" if gpu.simulated else "zeus"
    name = f"energy counter of {gpu.name} ({gpu.uuid})"
    if card.supports_get_total_energy_consumption():
        card.get_total_energy_consumption()  # raises here, and not in the first window
        return Sensor(
            channel="gpu",
            source=f"{origin}:amdsmi-counter",
            counter=Counter(name=name, max_watts=GPU_WATTS, update_s=AMD_UPDATE_S),
            read=lambda: card.get_total_energy_consumption() / 1000,
            uuid=gpu.uuid,
            note=gpu.note,
        )
    milliwatts = amd_gpus.power_reader(card)
    if milliwatts is None:
        raise ValueError("amdsmi shows neither joules nor watts")
    name = f"power sensor of {gpu.name} ({gpu.uuid})"
    power = IntegratedPower(lambda: milliwatts() / 1000, name)
    power.read()
    return Sensor(
        channel="gpu",
        source=f"{origin}:amdsmi-power",
        counter=Counter(name=name, max_watts=GPU_WATTS, update_s=AMD_UPDATE_S),
        read=power.read,
        integration=power.variance_j2,
        fixed_update=True,
        uuid=gpu.uuid,
        note=gpu.note,
    )


def _zeus_gpu(uuid: str) -> ZeusGpu:
    """Find the card by its UUID.

    Numbers may have changed since the survey, and are CUDA's in some places and NVML's in others.
    """
    import pynvml
    from zeus.device.gpu.nvidia import NVIDIAGPU

    logging.getLogger("zeus").setLevel(logging.ERROR)
    handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    card: ZeusGpu = NVIDIAGPU(pynvml.nvmlDeviceGetIndex(handle))
    return card


def _power_reader(card: ZeusGpu) -> Callable[[], float] | None:
    """Return what reads the power sensor, or None: cards before Ampere have no momentary watts."""
    try:
        card.get_instant_power_usage()
    except read_errors():
        return None
    return lambda: card.get_instant_power_usage() / 1000
