"""A simulated ``amdsmi``, the package that Zeus reads AMD GPUs through."""

from __future__ import annotations

import contextlib
import gc
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

from greenbench.machine import amd_gpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pytest

RESOLUTION_UJ = 15.3
"""Microjoules of a step of the counter, as on an MI300X."""


class AmdSmiException(Exception):
    """The base of amdsmi's errors."""


class AmdSmiLibraryException(AmdSmiException):
    """An error that the library returned."""

    def get_error_code(self) -> int:
        """Return that of a card which is gone."""
        return 31

    def get_error_info(self) -> str:
        """Return its words."""
        return "AMDSMI_STATUS_NOT_FOUND"


@dataclass
class SimulatedAmdGpu:
    """One card: its counter and its watts."""

    hip: int
    name: str = "Simulated MI300X"
    joules: float = 1000.0
    watts: int | str = 150
    """``N/A`` where the card shows none."""
    factor: float = 1.0
    """What its counter is wrong by."""
    lost: bool = False


class SimulatedAmdSmi(ModuleType):
    """The functions of ``amdsmi`` that Zeus and greenbench call; handles are the cards."""

    AmdSmiException = AmdSmiException
    AmdSmiLibraryException = AmdSmiLibraryException
    AmdSmiInitFlags = SimpleNamespace(INIT_AMD_GPUS=2)

    def __init__(self, cards: Sequence[SimulatedAmdGpu]) -> None:
        """Drive ``cards``, in the order of their slots, which need not be HIP's."""
        super().__init__("amdsmi")
        self.cards = list(cards)
        self.open = 0

    def sleep(self, seconds: float) -> None:
        """Let time pass: counters go on."""
        for card in self.cards:
            if isinstance(card.watts, int):
                card.joules += card.watts * seconds * card.factor

    def amdsmi_init(self, _flags: int) -> None:
        """Open the library."""
        self.open += 1

    def amdsmi_shut_down(self) -> None:
        """Close it."""
        self.open -= 1

    def amdsmi_get_processor_handles(self) -> list[SimulatedAmdGpu]:
        """Return the cards."""
        return self.cards

    def amdsmi_get_gpu_enumeration_info(self, card: SimulatedAmdGpu) -> dict[str, int]:
        """Return HIP's number."""
        return {"hip_id": card.hip}

    def amdsmi_get_gpu_asic_info(self, card: SimulatedAmdGpu) -> dict[str, str]:
        """Return the model."""
        return {"market_name": card.name}

    def amdsmi_get_gpu_driver_info(self, _card: SimulatedAmdGpu) -> dict[str, str]:
        """Return a version that marks a simulation."""
        return {"driver_version": "6.12-sim"}

    def amdsmi_get_gpu_device_uuid(self, card: SimulatedAmdGpu) -> str:
        """Return an identity that no renumbering changes."""
        return f"amd-{card.hip:04d}"

    def amdsmi_get_power_info(self, card: SimulatedAmdGpu) -> dict[str, int | str]:
        """Return watts of this moment; the average is not shown."""
        return {"current_socket_power": card.watts, "average_socket_power": "N/A"}

    def amdsmi_get_energy_count(self, card: SimulatedAmdGpu) -> dict[str, float]:
        """Return the counter in steps."""
        if card.lost:
            raise AmdSmiLibraryException
        steps = int(card.joules * 1e6 / RESOLUTION_UJ)
        return {"energy_accumulator": steps, "counter_resolution": RESOLUTION_UJ}


@contextlib.contextmanager
def driven(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *cards: SimulatedAmdGpu
) -> Iterator[SimulatedAmdSmi]:
    """Let Zeus find ``cards`` while the block runs, and nothing afterwards."""
    from zeus.device.gpu import amd

    simulated = SimulatedAmdSmi(cards)
    driver = folder / "amdgpu"
    driver.mkdir()
    caches = (amd.amdsmi_is_available, amd._hip_to_amdsmi_handle, amd_gpus.cards_of_zeus)
    for variable in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(variable, raising=False)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "amdsmi", simulated)
        patch.setattr(amd, "amdsmi", simulated)
        patch.setattr(amd, "time", SimpleNamespace(sleep=simulated.sleep))
        patch.setattr(amd_gpus, "DRIVER", driver)
        for cache in caches:
            cache.cache_clear()
        try:
            yield simulated
        finally:
            for cache in caches:
                cache.cache_clear()
            gc.collect()  # Zeus closes the library when its list of cards is gone
