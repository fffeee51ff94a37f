"""The AMD GPUs of this machine, as amdsmi describes them through Zeus.

Zeus checks at the start whether each card's energy counter agrees with its power, as some count
wrongly; that takes half a second. It is asked once a process.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench.machine.gpu_records import AMD, Gpu, Survey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DRIVER = Path("/sys/module/amdgpu")
"""There where the kernel drives an AMD GPU; elsewhere importing Zeus would be waste."""
TWO_DIES = "MI250"
"""Cards of two GPUs, of which the even one shows the watts and joules of both."""


class ZeusAmdGpu(Protocol):
    """The part of Zeus's class that is used here."""

    gpu_index: int
    """HIP's number, whatever ``HIP_VISIBLE_DEVICES`` says."""
    handle: object

    def get_name(self) -> str:
        """Return the model."""

    def supports_get_total_energy_consumption(self) -> bool:
        """Whether its energy counter can be relied on."""

    def get_total_energy_consumption(self) -> int:
        """Return the energy counter in millijoules."""

    def get_instant_power_usage(self) -> int:
        """Return the power in milliwatts."""

    def get_average_power_usage(self) -> int:
        """Return the power in milliwatts, averaged by the card."""


def has_driver() -> bool:
    """Whether the kernel drives an AMD GPU, so that asking amdsmi may be worth its time."""
    return DRIVER.exists()


def survey() -> Survey:
    """Describe every GPU that ``HIP_VISIBLE_DEVICES`` leaves visible; an error is the reason."""
    try:
        cards = cards_of_zeus()
        gpus = [_gpu(position, card) for position, card in enumerate(cards)]
    except Exception as error:  # noqa: BLE001  amdsmi's own errors, and whatever its library raises
        return Survey(reason=f"amdsmi cannot be used: {type(error).__name__}: {error}")
    return Survey(gpus=tuple(gpus), reason="" if gpus else "amdsmi lists no GPU")


@functools.cache
def cards_of_zeus() -> Sequence[ZeusAmdGpu]:
    """Return the cards, in torch's order; raises what Zeus or amdsmi raise.

    They are kept, as Zeus closes amdsmi for all of them with the list.
    """
    logging.getLogger("zeus").setLevel(logging.ERROR)
    from zeus.device.gpu.amd import AMDGPUs, amdsmi_is_available

    if not amdsmi_is_available():
        raise ImportError("the package amdsmi, which comes with ROCm, is missing or does not start")
    manager = AMDGPUs()
    cards: Sequence[ZeusAmdGpu] = _Kept(manager.gpus, manager)
    return cards


class _Kept(list[ZeusAmdGpu]):
    """The cards, together with what closes amdsmi once it is gone."""

    def __init__(self, cards: Sequence[ZeusAmdGpu], manager: object) -> None:
        super().__init__(cards)
        self.manager = manager


def power_reader(card: ZeusAmdGpu) -> Callable[[], int] | None:
    """Return what reads the card's milliwatts: those of this moment, or its own average."""
    from zeus.exception import ZeusBaseError

    for read in (card.get_instant_power_usage, card.get_average_power_usage):
        try:
            read()
        except (ZeusBaseError, ValueError):  # not of this card
            continue
        return read
    return None


def _gpu(position: int, card: ZeusAmdGpu) -> Gpu:
    name = card.get_name()
    counts = card.supports_get_total_energy_consumption()
    readable = counts or power_reader(card) is not None
    error = "" if readable else "amdsmi shows neither joules nor watts of it"
    note = ""
    if TWO_DIES in name and readable:
        note = f"the joules of {name} are those of both GPUs of its module"
    elif TWO_DIES in name:
        error = "its joules are shown by the other GPU of its module: count that one"
    driver = _asked("amdsmi_get_gpu_driver_info", card.handle)
    version = str(driver.get("driver_version")) if isinstance(driver, dict) else "unknown"
    uuid = _asked("amdsmi_get_gpu_device_uuid", card.handle)
    return Gpu(
        index=position,
        nvml_index=card.gpu_index,
        uuid=str(uuid or f"AMD-HIP-{card.gpu_index}"),
        name=name,
        driver=version,
        simulated=version.endswith("-sim"),
        energy_counter=readable,
        counter_error=error,
        vendor=AMD,
        note=note,
    )


def _asked(function: str, handle: object) -> object:
    """Return what amdsmi answers; None where this version has no such function, or no answer."""
    import amdsmi

    try:
        return getattr(amdsmi, function)(handle)
    except (AttributeError, amdsmi.AmdSmiException):
        return None
