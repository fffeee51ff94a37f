"""The NVIDIA GPUs of this machine as NVML describes them, and which of them a cell's energy counts.

Only looks: limits and clocks are set elsewhere. Sees NVIDIA cards alone, knows no CUDA context and imports neither
torch nor Zeus, so that listing is instant. Positions follow ``CUDA_VISIBLE_DEVICES`` as torch and Zeus count them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pynvml

from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One card. None stands for what NVML cannot tell about it."""

    index: int
    """Its number in torch (``cuda:N``) and in Zeus, after ``CUDA_VISIBLE_DEVICES``."""
    nvml_index: int
    """Its number in NVML and nvidia-smi, which know nothing of ``CUDA_VISIBLE_DEVICES``."""
    uuid: str
    name: str
    driver: str
    simulated: bool
    """Whether the driver is a simulator: its joules are never a measurement."""
    energy_counter: bool
    """Whether it counts its energy itself (Volta and newer)."""
    mig: bool = False
    """Whether it is partitioned: its counter then holds the joules of other people's partitions too."""
    power_limit_w: float | None = None
    default_power_limit_w: float | None = None
    min_power_limit_w: float | None = None
    max_power_limit_w: float | None = None
    sm_clock_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    max_memory_clock_mhz: int | None = None
    temperature_c: int | None = None
    persistence: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The GPUs that a process may use, and why there is none where there is none."""

    gpus: tuple[Gpu, ...] = ()
    reason: str = ""


def survey() -> Survey:
    """Look at every GPU that ``CUDA_VISIBLE_DEVICES`` leaves visible; a sick driver becomes a reason."""
    if "MIG-" in (asked := os.environ.get(VISIBLE, "")):
        return Survey(
            reason=f"{VISIBLE}={asked} names MIG partitions, whose energy NVML cannot count: name whole GPUs"
        )
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Survey(reason=f"NVML answers '{error}': no usable NVIDIA driver here")
    try:
        return _visible_gpus()
    except pynvml.NVMLError as error:
        return Survey(
            reason=f"NVML answers '{error}' when asked for the GPUs: see nvidia-smi and the kernel's log"
        )
    finally:
        pynvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that this process may use, in torch's order; empty where there is none (``survey`` knows why)."""
    return survey().gpus


def counted(selection: str, device: str) -> tuple[Gpu, ...]:
    """Return the GPUs whose energy counts: what ``--green-gpus`` says, for a cell on torch device ``device``.

    ``auto`` is the GPU that ``device`` names (none for ``cpu``), ``none`` none, ``all`` every visible one; else UUIDs,
    or the beginnings of UUIDs, separated by commas. Raises UsageError for an unknown UUID or an ambiguous device, and
    UnavailableError where a GPU is asked for and cannot be had.
    """
    if selection == "none" or (selection == "auto" and not device.startswith("cuda")):
        return ()
    found = survey()
    if not found.gpus:
        message = (
            f"--green-gpus {selection} on {device}: no GPU can be counted, because {found.reason}"
        )
        raise UnavailableError(message)
    if selection == "all":
        return _whole(found.gpus)
    return (
        (_of_device(device, found.gpus),)
        if selection == "auto"
        else _of_uuids(selection, found.gpus)
    )


def visible(uuids: Sequence[str], asked: str | None) -> tuple[int, ...]:
    """Return the NVML numbers that ``CUDA_VISIBLE_DEVICES=asked`` leaves visible, in CUDA's order.

    CUDA's rule (CUDA C++ programming guide, environment variables): numbers or beginnings of UUIDs; the list ends at
    the first entry that is invalid, and naming a device twice shows none.
    """
    if asked is None:
        return tuple(range(len(uuids)))
    chosen: list[int] = []
    for entry in asked.split(","):
        matches = [i for i, uuid in enumerate(uuids) if _names(entry.strip(), i, uuid)]
        if len(matches) != 1:
            break
        if matches[0] in chosen:
            return ()
        chosen += matches
    return tuple(chosen)


def _names(entry: str, number: int, uuid: str) -> bool:
    by_uuid = entry.startswith("GPU-") and uuid.lower().startswith(entry.lower())
    return by_uuid or (re.fullmatch(r"\+?[0-9]+", entry) is not None and int(entry) == number)


def _visible_gpus() -> Survey:
    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    asked = os.environ.get(VISIBLE)
    numbers = visible([pynvml.nvmlDeviceGetUUID(h) for h in handles], asked)
    driver = pynvml.nvmlSystemGetDriverVersion()
    found = tuple(
        _gpu(position, number, handles[number], driver) for position, number in enumerate(numbers)
    )
    hidden = (
        f"{VISIBLE}={asked} leaves none of {len(handles)} visible" if handles else "NVML lists none"
    )
    return Survey(gpus=found, reason="" if found else hidden)


def _gpu(position: int, number: int, handle: Any, driver: str) -> Gpu:
    limits = _ask(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle) or (None, None)
    return Gpu(
        index=position,
        nvml_index=number,
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        name=pynvml.nvmlDeviceGetName(handle),
        driver=driver,
        simulated=driver.endswith("-sim"),
        energy_counter=_counts_energy(handle),
        mig=(_ask(pynvml.nvmlDeviceGetMigMode, handle) or [0])[0] == pynvml.NVML_DEVICE_MIG_ENABLE,
        power_limit_w=_watts(_ask(pynvml.nvmlDeviceGetPowerManagementLimit, handle)),
        default_power_limit_w=_watts(_ask(pynvml.nvmlDeviceGetPowerManagementDefaultLimit, handle)),
        min_power_limit_w=_watts(limits[0]),
        max_power_limit_w=_watts(limits[1]),
        sm_clock_mhz=_ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        max_sm_clock_mhz=_ask(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=_ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        max_memory_clock_mhz=_ask(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        temperature_c=_ask(pynvml.nvmlDeviceGetTemperatureV, handle, pynvml.NVML_TEMPERATURE_GPU),
        persistence=None
        if (mode := _ask(pynvml.nvmlDeviceGetPersistenceMode, handle)) is None
        else bool(mode),
    )


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """Return NVML's answer, or None: older cards and drivers know fewer questions, and that is no fault."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None


def _counts_energy(handle: Any) -> bool:
    # Before Volta Zeus polls power in a process of its own and reports 0 J for a steady load: no counter at all.
    volta = (_ask(pynvml.nvmlDeviceGetArchitecture, handle) or 0) >= pynvml.NVML_DEVICE_ARCH_VOLTA
    return volta and _ask(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle) is not None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _of_device(device: str, found: Sequence[Gpu]) -> Gpu:
    number = device.partition(":")[2] or "0"
    chosen = next((gpu for gpu in found if str(gpu.index) == number), None)
    if chosen is None:
        message = f"{device} does not exist: torch sees {len(found)} GPU(s), cuda:0 to cuda:{len(found) - 1}"
        raise UsageError(message)
    _refuse_ambiguous(device, found)
    if chosen.mig:
        message = (
            f"{device} ({chosen.name}) is partitioned by MIG, and its counter holds all partitions: "
            f"say --green-gpus none, or --green-gpus {chosen.uuid} to count the whole card"
        )
        raise UnavailableError(message)
    return chosen


def _refuse_ambiguous(device: str, found: Sequence[Gpu]) -> None:
    """Refuse unlike cards in CUDA's own order, the fastest first: NVML counts by slot, and we might read another."""
    by_uuid = os.environ.get(VISIBLE, "").startswith("GPU-")
    if (
        by_uuid
        or os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
        or len({gpu.name for gpu in found}) == 1
    ):
        return
    cards = ", ".join(sorted({gpu.name for gpu in found}))
    message = f"{device} may be any of {cards}: set CUDA_DEVICE_ORDER=PCI_BUS_ID, so that CUDA counts as NVML does"
    raise UsageError(message)


def _whole(found: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Return all cards; raises UnavailableError where one is partitioned: who wants its tenants' joules names it."""
    shared = [f"{gpu.name} ({gpu.uuid})" for gpu in found if gpu.mig]
    if shared:
        message = (
            f"--green-gpus all: {', '.join(shared)} is partitioned by MIG, and its counter holds all partitions; name the "
            "cards to count by their UUIDs"
        )
        raise UnavailableError(message)
    return tuple(found)


def _of_uuids(selection: str, found: Sequence[Gpu]) -> tuple[Gpu, ...]:
    chosen: dict[str, Gpu] = {}
    for entry in filter(None, (part.strip() for part in selection.split(","))):
        matches = [gpu for gpu in found if gpu.uuid.lower().startswith(entry.lower())]
        if len(matches) != 1:
            present = ", ".join(gpu.uuid for gpu in found)
            which = "several GPUs" if matches else "no GPU"
            message = f"--green-gpus: '{entry}' names {which} here; allowed are auto, none, all or UUIDs of: {present}"
            raise UsageError(message)
        chosen[matches[0].uuid] = matches[0]
    return tuple(chosen.values())
