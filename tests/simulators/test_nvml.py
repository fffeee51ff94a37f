"""The simulated driver does what it says: otherwise nothing that is tested against it means anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pynvml
import pytest

from greenbench import devices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulators.nvml import SimulatedGpu, SimulatedNvml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gpu(nvml: SimulatedNvml) -> Iterator[SimulatedGpu]:
    """Give a card that draws 300 W, with NVML open."""
    (card,) = nvml.plug()
    card.power_w = 300
    pynvml.nvmlInit()
    yield card
    pynvml.nvmlShutdown()


def handle() -> object:
    """Return NVML's handle of the first card."""
    return pynvml.nvmlDeviceGetHandleByIndex(0)


def counted() -> float:
    """Return what the card's counter shows, in joules."""
    return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle()) / 1000


def test_true_energy_is_power_times_time(gpu: SimulatedGpu) -> None:
    """300 W for a fifth of a second, then 100 W."""
    start, before = time.perf_counter(), gpu.true_j
    time.sleep(0.2)
    gpu.power_w = 100
    middle = time.perf_counter()
    time.sleep(0.1)
    expected = 300 * (middle - start) + 100 * (time.perf_counter() - middle)
    assert gpu.true_j - before == pytest.approx(expected, abs=1)


def test_the_counter_moves_once_a_period(gpu: SimulatedGpu) -> None:
    """In a quarter of a second a counter of 50 ms shows five or six values, none above the truth."""
    gpu.update_s = 0.05
    seen = set()
    until = time.perf_counter() + 0.25
    while time.perf_counter() < until:
        seen.add(counted())
        time.sleep(0.002)
    assert 5 <= len(seen) <= 6
    assert counted() <= gpu.true_j


def test_load_clock_and_limit_give_the_power(gpu: SimulatedGpu) -> None:
    """Idle 70 W, full load 630 W, less at a lower clock, never above the limit."""
    gpu.power_w = -1
    watts = []
    for load, clock, limit in ((0, 0, 700), (1, 0, 700), (1, 1200, 700), (1, 0, 400)):
        gpu.load, gpu.locked_sm_mhz, gpu.power_limit_w = load, clock, limit
        watts.append(pynvml.nvmlDeviceGetPowerUsage(handle()) / 1000)
    assert watts == [70, 630, pytest.approx(70 + 560 * (1200 / 1980) ** 2.2, abs=0.01), 400]


@pytest.mark.parametrize(("catch_up", "lost"), [(True, 0), (False, 30)])
def test_a_stuck_counter_stands_still(gpu: SimulatedGpu, catch_up: bool, lost: float) -> None:  # noqa: FBT001
    """Unstuck it either shows all that was used meanwhile, or stays behind by it."""
    gpu.update_s = 0
    before, true = counted(), gpu.true_j
    gpu.stick()
    time.sleep(0.1)
    assert counted() == pytest.approx(before, abs=1)
    gpu.unstick(catch_up=catch_up)
    assert counted() - before == pytest.approx(gpu.true_j - true - lost, abs=3)


def test_a_glitch_lasts_as_long_as_it_is_told(gpu: SimulatedGpu) -> None:
    """Two readings are 50 J too low, the third is right again."""
    gpu.glitch(50, reads=2)
    first, second, third = counted(), counted(), counted()
    assert third - first == pytest.approx(50, abs=31)
    assert second < third


def test_each_fault_shows_in_nvml(gpu: SimulatedGpu) -> None:
    """Lost, forbidden, without a counter, in the wrong unit, from 0 again."""
    for name, code in (("lost", 15), ("forbidden", 4), ("no_counter", 3)):
        setattr(gpu, name, 1)
        with pytest.raises(pynvml.NVMLError) as raised:
            counted()
        assert raised.value.value == code
        setattr(gpu, name, 0)
    before = counted()
    gpu.unit_factor = 0.001
    assert counted() == pytest.approx(before / 1000, rel=0.01)
    gpu.unit_factor = 1
    gpu.restart_counter()
    assert counted() < 40


def test_setters_obey_limits_and_privilege(gpu: SimulatedGpu) -> None:
    """Out of range is refused; without privilege so is a change, while the present value may always be set."""
    pynvml.nvmlDeviceSetPowerManagementLimit(handle(), 400_000)
    assert (gpu.power_limit_w, gpu.power_w) == (400, 300)
    with pytest.raises(pynvml.NVMLError, match="Invalid"):
        pynvml.nvmlDeviceSetPowerManagementLimit(handle(), 900_000)
    gpu.privileged = 0
    pynvml.nvmlDeviceSetPowerManagementLimit(handle(), 400_000)
    with pytest.raises(pynvml.NVMLError, match="Permission"):
        pynvml.nvmlDeviceSetPowerManagementLimit(handle(), 500_000)


def test_another_process_sees_the_same_card(nvml: SimulatedNvml, gpu: SimulatedGpu) -> None:
    """Zeus in a process of its own reads the counter of the card that this one drives."""
    code = (
        "import pynvml; pynvml.nvmlInit();"
        "from zeus.device.gpu.nvidia import NVIDIAGPU; g = NVIDIAGPU(0);"
        "print(g.get_total_energy_consumption(), g.get_instant_power_usage())"
    )
    environment = {**os.environ, **nvml.environment()}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    energy, power = map(float, done.stdout.split())
    assert power == 300_000
    assert gpu.true_j - 3000 < energy / 1000 <= gpu.true_j


def test_greenbench_sees_simulated_cards_and_none_when_they_are_unplugged(nvml: SimulatedNvml) -> None:
    """The survey calls them simulated; without any the machine has no usable driver."""
    nvml.plug(2)
    assert [(g.index, g.simulated, g.energy_counter) for g in devices.gpus()] == [(0, True, True), (1, True, True)]
    nvml.unplug()
    assert "no usable NVIDIA driver" in devices.survey().reason
