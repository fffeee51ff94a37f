"""Each fault of a counter, with the true joules known.

What is reported is within its uncertainty of the truth, or None with its reason.

Simulated devices in real time, read by unmodified Zeus and nvidia-ml-py.
"""

from __future__ import annotations

import math
import re
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from greenbench.machine import gpus as devices
from greenbench.machine.energy import open_meter
from greenbench.stats.uncertainty import gross_causes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenbench.machine.energy import Meter
    from greenbench.types import Energy
    from tests.simulators.nvml import SimulatedGpu, SimulatedNvml
    from tests.simulators.powercap import Powercap

WATTS = 300.0
WIDEST = 2.6
"""Standard uncertainties within which the truth must lie.

The error of a resolution never exceeds the root of six.
"""


def nothing() -> None:
    """Let the device run as it does."""


def measured(
    meter: Meter, true_j: Callable[[], float], act: Callable[[], None], seconds: float = 0.4
) -> tuple[Energy, float]:
    """Return a window with ``act`` after a third of ``seconds``, and the window's true joules."""
    with meter.window("stage"):
        before = true_j()
        time.sleep(seconds / 3)
        act()
        time.sleep(seconds * 2 / 3)
        true = true_j() - before
    (window,) = meter.take()
    return window.energy, true


def holds(energy: Energy, channel: str, true: float) -> bool:
    """Whether the truth lies within the stated uncertainty."""
    joules = energy.joules(channel)
    assert joules is not None, energy.reasons
    standard = math.hypot(*gross_causes(energy, (channel,)).values())
    return abs(joules - true) <= WIDEST * standard + 1e-6


@pytest.fixture
def gpus(nvml: SimulatedNvml, no_rapl: None) -> list[SimulatedGpu]:  # noqa: ARG001
    """Give two cards with fast counters, the first at 300 W."""
    cards = nvml.plug(2)
    for card in cards:
        card.update_s, card.power_w = 0.02, WATTS
    return cards


@pytest.fixture
def gpu(gpus: list[SimulatedGpu]) -> SimulatedGpu:
    """Give the card that is counted."""
    return gpus[0]


@pytest.fixture
def meter(gpu: SimulatedGpu) -> Iterator[Meter]:
    """Give a calibrated meter over the first card, which has followed its counter for a while."""
    counted = [g for g in devices.gpus() if g.uuid == gpu.uuid]
    with open_meter(counted, cpu_watts=5) as opened:
        time.sleep(0.2)
        yield opened


def test_a_healthy_counter_is_right(meter: Meter, gpu: SimulatedGpu) -> None:
    """The truth lies within an uncertainty of a few percent, and the source is simulated."""
    energy, true = measured(meter, lambda: gpu.true_j, nothing, 0.6)
    assert holds(energy, "gpu", true)
    assert math.hypot(*gross_causes(energy, ("gpu",)).values()) < 0.05 * true
    assert (energy.sources["gpu"], energy.doubts, energy.coarse) == (
        "simulated:nvml-counter",
        (),
        (),
    )
    assert meter.facts["counters"][0]["update_seconds"] == pytest.approx(0.02, rel=0.2)


def test_a_slow_counter_is_marked_and_still_right(gpu: SimulatedGpu) -> None:
    """A counter of 100 ms in a window of 0.4 s is coarse, and its uncertainty covers the truth."""
    gpu.update_s = 0.1
    with open_meter(devices.gpus()[:1], cpu_watts=5, calibrate_s=0.5) as meter:
        assert meter.shortest_s == pytest.approx(2.0, rel=0.2)
        for _ in range(3):
            energy, true = measured(meter, lambda: gpu.true_j, nothing, 0.4)
            assert energy.coarse == ("gpu",)
            assert holds(energy, "gpu", true)


def test_a_window_shorter_than_the_counter_moves_is_none(gpu: SimulatedGpu) -> None:
    """Not 0 J, as Zeus says: None, with how often the counter moves."""
    gpu.update_s = 0.5
    with open_meter(devices.gpus()[:1], cpu_watts=5, calibrate_s=0) as meter:
        time.sleep(0.52 - time.monotonic() % 0.5)  # just after it moved
        energy, _ = measured(meter, lambda: gpu.true_j, nothing, 0.03)
    assert energy.gpu_j is None
    assert "did not move" in energy.reasons["gpu"]


@pytest.mark.parametrize(("before", "within"), [(650.0, 80.0), (80.0, 650.0)])
def test_what_came_before_a_window_is_in_its_uncertainty(
    meter: Meter, gpu: SimulatedGpu, before: float, within: float
) -> None:
    """A quiet stage after a hot one, or vice versa: the edges' watts differ, and the truth fits."""
    gpu.power_w = before
    time.sleep(0.3)
    with meter.window("stage"):
        gpu.power_w = within
        start = gpu.true_j
        time.sleep(0.3)
        true = gpu.true_j - start
    (window,) = meter.take()
    assert holds(window.energy, "gpu", true)


def test_a_counter_that_sticks_has_no_joules(meter: Meter, gpu: SimulatedGpu) -> None:
    """Half a second without a movement is told, whether or not the counter catches up."""

    def stick() -> None:
        gpu.stick()
        time.sleep(0.5)
        gpu.unstick(catch_up=False)

    energy, _ = measured(meter, lambda: gpu.true_j, stick)
    assert energy.gpu_j is None
    assert "stood still for" in energy.reasons["gpu"]
    again, true = measured(meter, lambda: gpu.true_j, nothing)
    assert holds(again, "gpu", true)


def test_a_counter_that_dies_in_mid_window_has_no_joules(meter: Meter, gpu: SimulatedGpu) -> None:
    """It never moves again."""
    energy, _ = measured(meter, lambda: gpu.true_j, gpu.stick, 0.9)
    assert energy.gpu_j is None
    assert "stood still for" in energy.reasons["gpu"]


@pytest.mark.parametrize("edge", ["start", "end"])
def test_a_glitch_at_an_edge_is_read_again(meter: Meter, gpu: SimulatedGpu, edge: str) -> None:
    """One reading that is 500 J too low, at the window's start or end, is corrected."""
    if edge == "start":
        gpu.glitch(500)
    energy, true = measured(meter, lambda: gpu.true_j, nothing)
    if edge == "end":
        with meter.window("stage"):
            start = gpu.true_j
            time.sleep(0.5)
            true = gpu.true_j - start
            gpu.glitch(500)
        energy = meter.take()[0].energy
    assert holds(energy, "gpu", true)


def test_a_glitch_in_between_is_left_out_and_reported(meter: Meter, gpu: SimulatedGpu) -> None:
    """The sampler reads it, and the next reading shows that it was wrong."""
    energy, true = measured(meter, lambda: gpu.true_j, lambda: gpu.glitch(500))
    assert holds(energy, "gpu", true)
    assert "were impossible and were left out" in energy.doubts[0]


def test_a_counter_that_begins_anew_has_no_joules(meter: Meter, gpu: SimulatedGpu) -> None:
    """A driver was reloaded, or the card reset."""
    energy, _ = measured(meter, lambda: gpu.true_j, gpu.restart_counter)
    assert energy.gpu_j is None
    assert "went backwards by" in energy.reasons["gpu"]


def test_microjoules_taken_for_millijoules_have_no_joules(meter: Meter, gpu: SimulatedGpu) -> None:
    """A thousand times too many watts are no card's."""
    gpu.unit_factor = 1000
    energy, _ = measured(meter, lambda: gpu.true_j, nothing)
    assert energy.gpu_j is None
    assert "more than 1500 W allow" in energy.reasons["gpu"]


def test_a_counter_and_a_sensor_that_disagree_give_a_warning(
    meter: Meter, gpu: SimulatedGpu
) -> None:
    """Nobody knows which is right: a warning has both numbers, and the uncertainty covers both."""
    gpu.sensor_factor = 1.3
    energy, true = measured(meter, lambda: gpu.true_j, nothing, 1.2)
    assert holds(energy, "gpu", true)
    assert energy.gpu_j is not None
    standard = math.hypot(*gross_causes(energy, ("gpu",)).values())
    assert abs(energy.gpu_j - 1.3 * true) <= WIDEST * standard
    percent = re.search(r"they differ by (\d+) %", energy.doubts[0])
    assert percent is not None
    assert 20 <= int(percent[1]) <= 40  # a busy machine delays readings by a part of the window


def test_a_counter_a_hundred_times_too_slow_gives_a_warning(
    meter: Meter, gpu: SimulatedGpu
) -> None:
    """Too few joules are plausible watts; the power sensor shows the fault, and the truth fits."""
    gpu.unit_factor = 0.01
    time.sleep(0.3)
    energy, true = measured(meter, lambda: gpu.true_j, nothing, 1.2)
    assert holds(energy, "gpu", true)
    assert "they differ by" in energy.doubts[0]


@pytest.mark.parametrize(("fault", "word"), [("lost", "lost"), ("forbidden", "Permission")])
def test_a_card_that_is_lost_or_forbidden_in_mid_window_has_no_joules(
    meter: Meter, gpu: SimulatedGpu, fault: str, word: str
) -> None:
    """The reason is NVML's own; when it is back, the next window is whole."""
    energy, _ = measured(meter, lambda: gpu.true_j, lambda: setattr(gpu, fault, 1))
    assert energy.gpu_j is None
    assert "could not be read at the window's end" in energy.reasons["gpu"]
    assert word in energy.reasons["gpu"]
    setattr(gpu, fault, 0)
    again, true = measured(meter, lambda: gpu.true_j, nothing)
    assert holds(again, "gpu", true)


def test_only_the_cards_that_are_asked_for_count(gpus: list[SimulatedGpu]) -> None:
    """The second card, by its UUID; the first is busy for somebody else."""
    gpus[0].power_w = 650
    with open_meter(devices.counted(gpus[1].uuid, "cpu"), cpu_watts=5) as meter:
        energy, true = measured(meter, lambda: gpus[1].true_j, nothing)
    assert holds(energy, "gpu", true)


def test_two_cards_add_up(gpus: list[SimulatedGpu]) -> None:
    """--green-gpus all."""
    gpus[1].power_w = 100
    with open_meter(devices.counted("all", "cpu"), cpu_watts=5) as meter:
        energy, true = measured(meter, lambda: sum(g.true_j for g in gpus), nothing)
    assert holds(energy, "gpu", true)


def test_one_of_two_cards_that_fails_makes_the_sum_unknown(gpus: list[SimulatedGpu]) -> None:
    """The joules of the other one alone would look like both."""
    with open_meter(devices.counted("all", "cpu"), cpu_watts=5) as meter:
        energy, _ = measured(meter, lambda: 0.0, lambda: setattr(gpus[1], "lost", 1))
    assert energy.gpu_j is None
    assert gpus[1].uuid in energy.reasons["gpu"]


def test_any_number_of_wraps_anywhere_is_corrected(powercap: Powercap) -> None:
    """Counters of 700 J at 900 W wrap more than once a second, wherever in the window.

    One wraps in mid-window, one at its first moment and one at its last; a fault of any of them
    would move the sum by 700 J.
    """
    starts = (1.0, 60.0, 699.9)
    packages = [powercap.zone(i, f"package-{i}", start, 700) for i, start in enumerate(starts)]
    with ExitStack() as stack:
        meter = stack.enter_context(open_meter((), calibrate_s=0.1))
        for package in packages:
            stack.enter_context(package.driven(900))
        energy, true = measured(meter, lambda: sum(p.true_j for p in packages), nothing, 2.4)
    assert true > len(packages) * 3 * 700
    # The threads that move the files may be late.
    assert energy.cpu_j == pytest.approx(true, abs=300)


@pytest.mark.parametrize("fault", ["stuck", "glitch", "unit", "backwards"])
def test_faults_of_rapl(powercap: Powercap, fault: str) -> None:
    """As for a GPU: a glitch is corrected, and any other fault has no joules and its reason."""
    package = powercap.zone(0, "package-0")
    acts: dict[str, tuple[Callable[[], None], str]] = {
        "stuck": (lambda: setattr(package, "stuck", True), "stood still for"),
        "unit": (lambda: setattr(package, "unit_factor", 1000.0), "more than 1000 W allow"),
        "backwards": (lambda: package.use(-200), "went backwards by"),
        "glitch": (lambda: package.show(1.0), ""),
    }
    act, reason = acts[fault]
    with open_meter((), calibrate_s=0.1) as meter, package.driven(100):
        energy, true = measured(meter, lambda: package.true_j, act, 0.9)
    assert (energy.cpu_j is None) == bool(reason)
    assert reason in energy.reasons.get("cpu", "")
    if energy.cpu_j is not None:
        assert energy.cpu_j == pytest.approx(true, abs=10)


def test_rapl_that_is_taken_away_in_mid_window_has_no_joules(powercap: Powercap) -> None:
    """A container that loses the mount, a permission that is withdrawn: the files are gone."""
    package = powercap.zone(0, "package-0")
    with open_meter((), calibrate_s=0) as meter:
        energy, _ = measured(meter, lambda: 0.0, (package.folder / "energy_uj").unlink, 0.1)
    assert energy.cpu_j is None
    assert "could not be read at the window's end" in energy.reasons["cpu"]


def test_dies_that_show_one_counter_count_once(powercap: Powercap) -> None:
    """Some processors show their socket's counter once for each die: it counts once."""
    first, *others = [powercap.zone(i, f"package-0-die-{i}") for i in range(3)]
    for die in others:
        (die.folder / "energy_uj").unlink()
        (die.folder / "energy_uj").symlink_to(first.folder / "energy_uj")
    second = powercap.zone(3, "package-1", 2000)
    with ExitStack() as stack:
        for zone in (first, second):
            stack.enter_context(zone.driven(100))
        meter = stack.enter_context(open_meter((), calibrate_s=0.1))
        energy, _ = measured(meter, lambda: 0.0, nothing, 0.6)
    assert energy.cpu_j == pytest.approx(2 * 100 * 0.6, rel=0.1)


def test_gpu_package_and_memory_are_measured_side_by_side(
    powercap: Powercap, nvml: SimulatedNvml
) -> None:
    """Three channels with their own counters, and psys in none of them."""
    (gpu,) = nvml.plug()
    gpu.update_s, gpu.power_w = 0.02, 200
    package, memory = powercap.zone(0, "package-0"), powercap.subzone(0, 0, "dram")
    board = powercap.zone(1, "psys")
    with ExitStack() as stack:
        for zone, watts in ((package, 90), (memory, 20), (board, 400)):
            stack.enter_context(zone.driven(watts))
        meter = stack.enter_context(open_meter(devices.gpus(), calibrate_s=0.3))
        energy, _ = measured(meter, lambda: 0.0, nothing, 0.9)
    assert energy.scope == ("gpu", "cpu", "dram")
    assert energy.gpu_j == pytest.approx(200 * 0.9, rel=0.1)
    assert energy.cpu_j == pytest.approx(90 * 0.9, rel=0.1)
    assert energy.dram_j == pytest.approx(20 * 0.9, rel=0.1)
