"""AMD GPUs, through unmodified Zeus over a simulated amdsmi."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UnavailableError
from greenbench.machine import gpus as devices
from greenbench.machine.control.doctor import capabilities
from greenbench.machine.control.requests import requests
from greenbench.machine.energy import examine
from greenbench.machine.energy.meter import open_meter
from greenbench.machine.watch import Watch
from greenbench.options import SystemOptions
from tests.simulators.amdsmi import SimulatedAmdGpu, SimulatedAmdSmi, driven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_rapl")


@pytest.fixture
def plug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., SimulatedAmdSmi]]:
    """Give a function that plugs AMD cards into this machine."""
    with contextlib.ExitStack() as stack:
        yield lambda *cards: stack.enter_context(driven(tmp_path, monkeypatch, *cards))


def test_cards_are_listed_in_hip_s_order_and_counted_by_their_counter(
    plug: Callable[..., SimulatedAmdSmi],
) -> None:
    """The slots' order differs; the card of ``cuda:0`` is HIP's first."""
    plug(SimulatedAmdGpu(hip=1, joules=5000), first := SimulatedAmdGpu(hip=0))
    cards = devices.survey().gpus
    assert [(card.uuid, card.vendor, card.energy_counter) for card in cards] == [
        ("amd-0000", "amd", True),
        ("amd-0001", "amd", True),
    ]
    counted = devices.counted("auto", "cuda:0")
    with open_meter(counted, calibrate_s=0) as meter:
        with meter.window("training"):
            first.joules += 30
        (window,) = meter.take()
    assert window.energy.gpu_j == pytest.approx(30, abs=0.01)
    assert window.energy.sources["gpu"] == "simulated:amdsmi-counter"


def test_a_counter_that_contradicts_the_watts_is_replaced_by_them(
    plug: Callable[..., SimulatedAmdSmi],
) -> None:
    """Zeus finds it out; the watts are integrated, with their own uncertainty."""
    plug(SimulatedAmdGpu(hip=0, factor=1000.0))
    with open_meter(devices.counted("all", "cuda"), calibrate_s=0) as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    assert window.energy.sources["gpu"] == "simulated:amdsmi-power"
    assert window.energy.gpu_j > 0
    assert "integration" in window.energy.uncertainty_j["gpu"]


def test_the_other_half_of_a_module_of_two_has_no_joules_of_its_own(
    plug: Callable[..., SimulatedAmdSmi],
) -> None:
    """The first half's are those of both, which is a warning; the second's reason says so."""
    both = SimulatedAmdGpu(hip=0, name="AMD Instinct MI250X")
    plug(both, SimulatedAmdGpu(hip=1, name="AMD Instinct MI250X", watts=0))
    first, second = devices.survey().gpus
    assert (first.energy_counter, second.energy_counter) == (True, False)
    with open_meter([first], calibrate_s=0) as meter:
        with meter.window("training"):
            both.joules += 10
        (window,) = meter.take()
    assert "are those of both GPUs of its module" in window.energy.doubts[0]
    with open_meter([second], calibrate_s=0) as meter:
        assert "count that one" in meter.reasons["gpu"]


def test_a_card_that_is_lost_costs_its_window_the_joules(
    plug: Callable[..., SimulatedAmdSmi],
) -> None:
    """The driver's own words are the reason."""
    plug(card := SimulatedAmdGpu(hip=0))
    with open_meter(devices.counted("auto", "cuda"), calibrate_s=0) as meter:
        with meter.window("training"):
            card.lost = True
        (window,) = meter.take()
    assert window.energy.gpu_j is None
    assert "AMDSMI_STATUS_NOT_FOUND" in window.energy.reasons["gpu"]


def test_doctor_shows_an_amd_card(plug: Callable[..., SimulatedAmdSmi]) -> None:
    """By name and UUID; nothing is set on it."""
    plug(SimulatedAmdGpu(hip=0, factor=1000.0))
    finding, *_ = examine(devices.survey(), pause_s=0.05)
    assert (finding.channel, finding.available) == ("gpu", True)
    assert finding.device == "Simulated MI300X (amd-0000)"
    assert finding.permission == "read; greenbench sets nothing on AMD cards"


def test_what_is_nvml_s_is_unknown_of_an_amd_card_and_nothing_is_set_on_it(
    plug: Callable[..., SimulatedAmdSmi],
) -> None:
    """Its state has no temperature, its knobs are not applied, and doctor says so."""
    plug(SimulatedAmdGpu(hip=0))
    cards = devices.survey().gpus
    watch = Watch(cards)
    watch.begin()
    observed = watch.end()
    watch.close()
    (record,) = observed.record["gpus"]
    assert record["uuid"] == "amd-0000"
    assert observed.doubts == () or not any("GPU" in doubt for doubt in observed.doubts)
    for options in (SystemOptions(gpu_power_fraction=0.7), SystemOptions(gpu_clock_fraction=0.7)):
        (request,) = requests(options, cards)
        assert request.note.startswith("not applied: Simulated MI300X (amd-0000)")
    assert not capabilities(cards)[0].available


def test_a_driver_without_its_package_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell on a GPU is refused with it."""
    with driven(tmp_path, monkeypatch) as simulated:
        monkeypatch.setattr(simulated, "amdsmi_init", _refusing)
        assert "amdsmi cannot be used: ImportError" in devices.survey().reason
        with pytest.raises(UnavailableError, match="amdsmi"):
            devices.counted("auto", "cuda:0")


def _refusing(_flags: int) -> None:
    raise SimulatedAmdSmi.AmdSmiLibraryException
