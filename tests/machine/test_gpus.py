"""Which GPUs there are, their numbers, and whose energy counts, with a stand-in for NVML."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pynvml
import pytest

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine import gpus as devices
from greenbench.machine.energy.gpu_sensors import no_counter
from greenbench.machine.gpu_records import Gpu, Survey
from greenbench.machine.gpus import counted, gpus, survey, visible

if TYPE_CHECKING:
    from collections.abc import Callable

UUIDS = ("GPU-aaaa1111", "GPU-aaaa2222", "GPU-bbbb3333")


class Nvml:
    """The NVML calls that gpus.py makes, for three cards; those in ``failing`` raise."""

    def __init__(self, driver: str = "570.1", failing: tuple[str, ...] = ()) -> None:
        """Answer as ``driver``."""
        self.driver = driver
        self.failing = failing
        self.lost: tuple[int, ...] = ()
        self.initialised = 0

    def __getattr__(self, name: str) -> Any:
        """Find a call's answer, or a constant or error class of the real module."""
        if not name.startswith("nvml"):
            return getattr(pynvml, name)
        return lambda *arguments: self._answer(name, *arguments)

    def _answer(self, name: str, *arguments: Any) -> Any:
        if name in self.failing:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        if name.startswith("nvmlDevice") and arguments[:1] and arguments[0] in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        self.initialised += {"nvmlInit": 1, "nvmlShutdown": -1}.get(name, 0)
        answers: dict[str, Callable[..., Any]] = {
            "nvmlDeviceGetCount": lambda: len(UUIDS),
            "nvmlDeviceGetHandleByIndex": lambda i: i,
            "nvmlDeviceGetUUID": lambda i: UUIDS[i],
            "nvmlDeviceGetName": lambda _: "H200",
            "nvmlSystemGetDriverVersion": lambda: self.driver,
            "nvmlDeviceGetArchitecture": lambda _: pynvml.NVML_DEVICE_ARCH_HOPPER,
            "nvmlDeviceGetTotalEnergyConsumption": lambda _: 0,
            "nvmlDeviceGetPowerManagementLimitConstraints": lambda _: [200_000, 700_000],
            "nvmlDeviceGetPowerManagementLimit": lambda _: 650_000,
            "nvmlDeviceGetPowerManagementDefaultLimit": lambda _: 700_000,
            "nvmlDeviceGetClockInfo": lambda _, kind: {
                pynvml.NVML_CLOCK_SM: 345,
                pynvml.NVML_CLOCK_MEM: 3201,
            }[kind],
            "nvmlDeviceGetMaxClockInfo": lambda _, __: 1980,
            "nvmlDeviceGetTemperatureV": lambda _, __: 31,
            "nvmlDeviceGetPersistenceMode": lambda _: 1,
            "nvmlDeviceGetMigMode": lambda _: [0, 0],
        }
        return answers[name](*arguments) if name in answers else None


@pytest.fixture(autouse=True)
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """Replace NVML by the stand-in, with no variable set."""
    stand_in = Nvml()
    monkeypatch.setattr(devices, "pynvml", stand_in)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    return stand_in


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, (0, 1, 2)),
        ("", ()),
        ("2,0", (2, 0)),
        (" 1 , 2", (1, 2)),
        ("0,-1,1", (0,)),
        ("0,7,1", (0,)),
        ("0,0", ()),
        ("GPU-bbbb", (2,)),
        ("GPU-bbbb3333,GPU-aaaa1111", (2, 0)),
        ("GPU-aaaa", ()),
        ("NoDevFiles", ()),
    ],
)
def test_visibility_is_cudas(asked: str | None, expected: tuple[int, ...]) -> None:
    """Numbers and beginnings of UUIDs, up to the first invalid one; a repeated card shows none."""
    assert visible(UUIDS, asked) == expected


def test_a_card_is_described_as_far_as_nvml_knows(nvml: Nvml) -> None:
    """Limits in watts, clocks in MHz; NVML is left as it was found."""
    assert gpus()[1] == Gpu(
        index=1,
        nvml_index=1,
        uuid="GPU-aaaa2222",
        name="H200",
        driver="570.1",
        simulated=False,
        energy_counter=True,
        mig=False,
        power_limit_w=650,
        default_power_limit_w=700,
        min_power_limit_w=200,
        max_power_limit_w=700,
        sm_clock_mhz=345,
        max_sm_clock_mhz=1980,
        memory_clock_mhz=3201,
        max_memory_clock_mhz=1980,
        temperature_c=31,
        persistence=True,
    )
    assert nvml.initialised == 0


def test_what_nvml_cannot_tell_is_none(nvml: Nvml) -> None:
    """An unsupported question is None, and never 0; a card without a counter says so."""
    nvml.failing = ("nvmlDeviceGetPowerManagementLimit", "nvmlDeviceGetTotalEnergyConsumption")
    card = gpus()[0]
    assert (card.power_limit_w, card.energy_counter) == (None, False)
    assert card.default_power_limit_w == 700


def test_a_simulated_driver_shows(nvml: Nvml) -> None:
    """A driver version that ends in -sim marks its cards as simulated."""
    nvml.driver = "999.99-sim"
    assert all(card.simulated for card in gpus())


def test_numbers_follow_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """``index`` counts as torch does, ``nvml_index`` as nvidia-smi does."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-bbbb,GPU-aaaa1")
    assert [(card.index, card.nvml_index, card.uuid) for card in gpus()] == [
        (0, 2, UUIDS[2]),
        (1, 0, UUIDS[0]),
    ]


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetUUID"])
def test_a_sick_driver_is_a_reason(nvml: Nvml, call: str) -> None:
    """No GPU, and NVML's own words; NVML is shut down all the same."""
    nvml.failing = (call,)
    found = survey()
    assert found.gpus == ()
    assert "Not Supported" in found.reason
    assert nvml.initialised == 0


def test_hidden_cards_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the variable hides all cards, the reason is the variable."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert survey() == Survey(reason="CUDA_VISIBLE_DEVICES=-1 leaves none of 3 visible")


@pytest.mark.parametrize(
    ("selection", "device", "expected"),
    [
        ("auto", "cpu", ()),
        ("auto", "cuda", (0,)),
        ("auto", "cuda:2", (2,)),
        ("auto", "cuda:2,0", (2, 0)),
        ("none", "cuda:0", ()),
        ("all", "cpu", (0, 1, 2)),
        ("GPU-bbbb3333", "cpu", (2,)),
        ("GPU-bbbb, gpu-aaaa1111,GPU-bbbb3333", "cuda", (2, 0)),
    ],
)
def test_counted_gpus(selection: str, device: str, expected: tuple[int, ...]) -> None:
    """``auto`` is the cell's own card, the rest is what was asked for, each once."""
    assert tuple(card.index for card in counted(selection, device)) == expected


def test_an_unknown_uuid_lists_the_known() -> None:
    """The error names what was asked and every UUID there is."""
    with pytest.raises(
        UsageError, match=r"'GPU-x' names no GPU here.*GPU-aaaa1111, GPU-aaaa2222, GPU-bbbb3333"
    ):
        counted("GPU-x", "cuda")


def test_an_ambiguous_uuid_is_refused() -> None:
    """The beginning of two UUIDs names neither."""
    with pytest.raises(UsageError, match="'GPU-aaaa' names several GPUs"):
        counted("GPU-aaaa", "cuda")


def test_a_device_that_is_not_there_is_refused() -> None:
    """cuda:3 of three cards."""
    with pytest.raises(UsageError, match="cuda:3 does not exist: torch sees 3"):
        counted("auto", "cuda:3")


@pytest.mark.parametrize(
    ("selection", "device"), [("auto", "cuda"), ("all", "cpu"), ("GPU-aaaa1111", "cpu")]
)
def test_a_gpu_without_a_driver_is_unavailable(nvml: Nvml, selection: str, device: str) -> None:
    """Asking for a card where none can be had is an error with the reason."""
    nvml.failing = ("nvmlInit",)
    with pytest.raises(UnavailableError, match="no usable NVIDIA driver"):
        counted(selection, device)


def test_nothing_asked_needs_no_driver(nvml: Nvml) -> None:
    """A CPU cell runs beside a broken driver."""
    nvml.failing = ("nvmlInit",)
    assert counted("auto", "cpu") == counted("none", "cuda") == ()


def test_mig_partitions_are_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition's energy cannot be counted; the sentence says what to do."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1c4")
    with pytest.raises(UnavailableError, match=r"MIG partitions.*name whole GPUs"):
        counted("auto", "cuda")
    assert counted("none", "cuda") == ()


def test_a_partitioned_card_counts_only_when_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its counter holds other people's partitions: not by default, but who names it may have it."""
    cards = (replace(gpus()[0], mig=True),)
    monkeypatch.setattr(devices, "survey", lambda: Survey(gpus=cards))
    with pytest.raises(UnavailableError, match="partitioned by MIG"):
        counted("auto", "cuda")
    assert counted("GPU-aaaa1111", "cuda") == cards


def test_unlike_cards_need_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA sorts by speed and NVML by slot: for unlike cards the order must be set."""
    cards = (gpus()[0], replace(gpus()[1], name="L4"))
    monkeypatch.setattr(devices, "survey", lambda: Survey(gpus=cards))
    with pytest.raises(UsageError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        counted("auto", "cuda:0")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert counted("auto", "cuda:0") == cards[:1]


def test_a_lost_card_leaves_the_others(nvml: Nvml) -> None:
    """Its neighbours keep their numbers, and what it reports is kept."""
    nvml.lost = (1,)
    found = survey()
    assert [(card.index, card.uuid) for card in found.gpus] == [(0, UUIDS[0]), (2, UUIDS[2])]
    assert found.reason == ""
    assert [str(lost) for lost in found.lost] == [
        "GPU 1 does not answer (NVML reports 'GPU is lost')"
    ]


def test_a_cell_before_the_lost_card_is_counted_and_one_behind_it_is_not(nvml: Nvml) -> None:
    """CUDA may leave a lost card out of its numbers: later ones could be any card."""
    nvml.lost = (1,)
    assert [card.uuid for card in counted("auto", "cuda:0")] == [UUIDS[0]]
    for device in ("cuda:1", "cuda:2"):
        with pytest.raises(UnavailableError, match=rf"{device} is cannot be told: GPU 1 does not"):
            counted("auto", device)
    with pytest.raises(UnavailableError, match="--green-gpus all: GPU 1 does not answer"):
        counted("all", "cpu")
    assert [card.uuid for card in counted("GPU-bbbb3333", "cpu")] == [UUIDS[2]]


def test_a_lost_card_that_is_hidden_disturbs_nobody(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA_VISIBLE_DEVICES leaves it out."""
    nvml.lost = (1,)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    assert survey().lost == ()
    assert [card.uuid for card in counted("all", "cpu")] == [UUIDS[0], UUIDS[2]]


def test_a_counter_that_may_not_be_read_is_told_from_one_that_is_missing(nvml: Nvml) -> None:
    """NVML's words are kept: a permission is no old generation."""
    nvml.failing = ("nvmlDeviceGetTotalEnergyConsumption",)
    card = gpus()[0]
    assert (card.energy_counter, card.counter_error) == (False, "Not Supported")
    assert "cannot be read (NVML reports 'Not Supported')" in no_counter(card)
    assert "no energy counter" in no_counter(replace(card, counter_error=""))
