"""The GPUs of this machine, and which of them a cell's energy counts.

NVIDIA's are described by NVML; where it lists none, AMD's by amdsmi. Reads only: limits and clocks
are set elsewhere. Knows no CUDA context and imports no torch, and Zeus only beside AMD's driver, so
that listing is instant. Positions follow ``CUDA_VISIBLE_DEVICES`` as torch and Zeus count them.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pynvml

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine import amd_gpus, integrated_gpus
from greenbench.machine.devices import parts
from greenbench.machine.gpu_records import AMD, Gpu, LostGpu, Survey
from greenbench.machine.nvml import query, watts

if TYPE_CHECKING:
    from collections.abc import Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"
GPUS = "--green-gpus"


def survey() -> Survey:
    """Describe every GPU that ``CUDA_VISIBLE_DEVICES`` leaves visible, of one vendor.

    A driver that fails raises nothing: its error is the survey's reason.
    """
    found = _nvidia()
    if found.gpus or found.lost or not amd_gpus.has_driver():
        return found
    return amd_gpus.survey()


def _nvidia() -> Survey:
    setting = os.environ.get(VISIBLE, "")
    if "MIG-" in setting:
        limit = "names MIG partitions, whose energy NVML cannot count: name whole GPUs"
        return Survey(reason=f"{VISIBLE}={setting} {limit}")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Survey(reason=f"NVML reports '{error}': no usable NVIDIA driver here")
    try:
        return _visible_gpus()
    except pynvml.NVMLError as error:
        advice = "see nvidia-smi and the kernel's log"
        return Survey(reason=f"NVML reports '{error}' when listing the GPUs: {advice}")
    finally:
        pynvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that this process may use, in torch's order; ``survey`` has the reason."""
    return survey().gpus


def whole(machine: Survey) -> tuple[Gpu, ...]:
    """Return the GPUs that count where nothing says which: all but those partitioned by MIG."""
    return tuple(gpu for gpu in machine.gpus if not gpu.mig)


def counted(selection: str, device: str, option: str = GPUS) -> tuple[Gpu, ...]:
    """Return the GPUs whose energy counts, by ``--green-gpus``, for a cell on ``device``.

    ``auto`` are the GPUs that ``device`` names (none for ``cpu``), ``none`` none, ``all`` every
    visible one; otherwise UUIDs, or their beginnings, separated by commas. An integrated GPU is
    none of them: it counts with its chip. ``option`` is what a message calls the selection. Raises
    UsageError for an unknown UUID or an ambiguous device, and UnavailableError for a GPU that
    cannot be counted.
    """
    if selection == "none":
        return ()
    if selection == "auto" and not device.startswith("cuda"):
        return ()
    machine = survey()
    if not machine.gpus and integrated_gpus.counts(selection, device):
        return ()
    if not machine.gpus:
        request = f"{option} {selection} on {device}"
        raise UnavailableError(f"{request}: no GPU can be counted, because {machine.reason}")
    if selection == "all":
        _refuse_lost(machine.lost, f"{option} all")
        return _whole_cards(machine.gpus, option)
    if selection == "auto":
        return tuple(_card_of_device(part, machine) for part in parts(device))
    return _cards_of_uuids(selection, machine.gpus, option)


def visible(uuids: Sequence[str], setting: str | None) -> tuple[int, ...]:
    """Return the NVML numbers that ``CUDA_VISIBLE_DEVICES`` leaves, in CUDA's order.

    CUDA's rule (CUDA C++ programming guide, environment variables): numbers or beginnings of UUIDs;
    the list ends at the first invalid entry, and naming a device twice shows none.
    """
    if setting is None:
        return tuple(range(len(uuids)))
    chosen: list[int] = []
    for entry in setting.split(","):
        matches = _matching_numbers(entry.strip(), uuids)
        if len(matches) != 1:
            break
        number = matches[0]
        if number in chosen:
            return ()
        chosen.append(number)
    return tuple(chosen)


def _matching_numbers(entry: str, uuids: Sequence[str]) -> list[int]:
    if re.fullmatch(r"\+?[0-9]+", entry):
        number = int(entry)
        return [number] if number < len(uuids) else []
    if not entry.startswith("GPU-"):
        return []
    matches = []
    for number, uuid in enumerate(uuids):
        if uuid.lower().startswith(entry.lower()):
            matches.append(number)
    return matches


def _visible_gpus() -> Survey:
    count = pynvml.nvmlDeviceGetCount()
    if not count:
        return Survey(reason="NVML lists none")
    uuids = [_uuid(number) for number in range(count)]
    setting = os.environ.get(VISIBLE)
    numbers = visible(uuids, setting)
    if not numbers:
        return Survey(reason=f"{VISIBLE}={setting} leaves none of {count} visible")
    driver = pynvml.nvmlSystemGetDriverVersion()
    cards = []
    lost = []
    for position, number in enumerate(numbers):
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            cards.append(_card(position, number, handle, driver))
        except pynvml.NVMLError as error:
            lost.append(LostGpu(index=position, nvml_index=number, error=str(error)))
    reason = "" if cards else "; ".join(map(str, lost))
    return Survey(gpus=tuple(cards), reason=reason, lost=tuple(lost))


def _uuid(number: int) -> str:
    """Return a card's UUID; empty for a lost card, so that the others keep their numbers."""
    try:
        uuid: str = pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(number))
    except pynvml.NVMLError:
        return ""
    return uuid


def _refuse_lost(lost: Sequence[LostGpu], purpose: str) -> None:
    """Raise UnavailableError if there are lost cards."""
    if not lost:
        return
    names = "; ".join(map(str, lost))
    remedy = f"name the cards to use by their UUIDs in {VISIBLE}, or see the kernel's log"
    raise UnavailableError(f"{purpose}: {names}; {remedy}")


def _card(position: int, number: int, handle: object, driver: str) -> Gpu:
    lowest, highest = _power_limit_range(handle)
    limit = query(pynvml.nvmlDeviceGetPowerManagementLimit, handle)
    default_limit = query(pynvml.nvmlDeviceGetPowerManagementDefaultLimit, handle)
    sm, memory = pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM
    thermometer = pynvml.NVML_TEMPERATURE_GPU
    has_counter = _has_counter(handle)
    counter_error = _counter_error(handle) if has_counter else ""
    clock, highest_clock = pynvml.nvmlDeviceGetClockInfo, pynvml.nvmlDeviceGetMaxClockInfo
    temperature = query(pynvml.nvmlDeviceGetTemperatureV, handle, thermometer)
    return Gpu(
        index=position,
        nvml_index=number,
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        name=pynvml.nvmlDeviceGetName(handle),
        driver=driver,
        simulated=driver.endswith("-sim"),
        energy_counter=has_counter and not counter_error,
        counter_error=counter_error,
        mig=_is_partitioned(handle),
        power_limit_w=watts(limit),
        default_power_limit_w=watts(default_limit),
        min_power_limit_w=watts(lowest),
        max_power_limit_w=watts(highest),
        sm_clock_mhz=query(clock, handle, sm),
        max_sm_clock_mhz=query(highest_clock, handle, sm),
        memory_clock_mhz=query(clock, handle, memory),
        max_memory_clock_mhz=query(highest_clock, handle, memory),
        temperature_c=temperature,
        persistence=_persistence(handle),
    )


def _power_limit_range(handle: object) -> tuple[int | None, int | None]:
    """Return the lowest and the highest power limit in milliwatts."""
    constraints = query(pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
    if not constraints:
        return None, None
    lowest, highest = constraints
    return lowest, highest


def _is_partitioned(handle: object) -> bool:
    modes = query(pynvml.nvmlDeviceGetMigMode, handle)
    if not modes:
        return False
    current = modes[0]
    return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)


def _persistence(handle: object) -> bool | None:
    mode = query(pynvml.nvmlDeviceGetPersistenceMode, handle)
    return None if mode is None else bool(mode)


def _has_counter(handle: object) -> bool:
    """Whether the card is of a generation that counts its energy.

    Before Volta, Zeus polls the power in a process of its own and reports 0 J for a steady load:
    that is no counter at all.
    """
    architecture = query(pynvml.nvmlDeviceGetArchitecture, handle) or 0
    return bool(architecture >= pynvml.NVML_DEVICE_ARCH_VOLTA)


def _counter_error(handle: object) -> str:
    """Return NVML's words if the energy counter cannot be read; an empty text if it can."""
    try:
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        return str(error)
    return ""


def _card_of_device(device: str, machine: Survey) -> Gpu:
    cards = machine.gpus
    number = device.partition(":")[2] or "0"
    earlier = [lost for lost in machine.lost if lost.index <= int(number)]
    _refuse_lost(earlier, f"which card {device} is cannot be told")
    for card in cards:
        if str(card.index) == number:
            break
    else:
        available = f"{len(cards)} GPU(s), cuda:0 to cuda:{len(cards) - 1}"
        raise UsageError(f"{device} does not exist: torch sees {available}")
    if card.vendor != AMD:  # whose numbers HIP and Zeus share
        _refuse_ambiguous(device, cards)
    if card.mig:
        message = (
            f"{device} ({card.name}) is partitioned by MIG, and its counter holds all partitions: "
            f"say --green-gpus none, or --green-gpus {card.uuid} to count the whole card"
        )
        raise UnavailableError(message)
    return card


def _refuse_ambiguous(device: str, cards: Sequence[Gpu]) -> None:
    """Raise UsageError for unlike cards in CUDA's own order.

    CUDA lists the fastest card first, NVML counts by slot, and the two would disagree.
    """
    if os.environ.get(VISIBLE, "").startswith("GPU-"):
        return
    if os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID":
        return
    models = sorted({card.name for card in cards})
    if len(models) == 1:
        return
    remedy = "set CUDA_DEVICE_ORDER=PCI_BUS_ID, so that CUDA counts as NVML does"
    raise UsageError(f"{device} may be any of {', '.join(models)}: {remedy}")


def _whole_cards(cards: Sequence[Gpu], option: str) -> tuple[Gpu, ...]:
    """Return all cards; raises UnavailableError if one is partitioned.

    A partitioned card counts only when it is named: its counter includes other users' partitions.
    """
    partitioned = [f"{card.name} ({card.uuid})" for card in cards if card.mig]
    if partitioned:
        message = (
            f"{option} all: {', '.join(partitioned)} is partitioned by MIG, and its counter "
            "holds all partitions; name the cards to count by their UUIDs"
        )
        raise UnavailableError(message)
    return tuple(cards)


def _cards_of_uuids(selection: str, cards: Sequence[Gpu], option: str) -> tuple[Gpu, ...]:
    chosen: dict[str, Gpu] = {}
    for part in selection.split(","):
        entry = part.strip()
        if entry:
            card = _card_of_uuid(entry, cards, option)
            chosen[card.uuid] = card
    return tuple(chosen.values())


def _card_of_uuid(entry: str, cards: Sequence[Gpu], option: str) -> Gpu:
    beginning = entry.lower()
    matches = [card for card in cards if card.uuid.lower().startswith(beginning)]
    if len(matches) == 1:
        return matches[0]
    matched = "several GPUs" if matches else "no GPU"
    uuids = ", ".join(card.uuid for card in cards)
    allowed = f"allowed are auto, none, all or UUIDs of: {uuids}"
    raise UsageError(f"{option}: '{entry}' names {matched} here; {allowed}")
