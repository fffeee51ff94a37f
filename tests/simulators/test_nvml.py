"""The simulated driver counts energy correctly, which every test against it relies on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pynvml
import pytest

from tests.simulators.asking import counted, handle, refused, watts
from tests.simulators.nvml import SONAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulators.nvml import SimulatedGpu, SimulatedNvml


def timed(read: Callable[[], float]) -> tuple[float, float, float]:
    """Return a reading between the moments before and after it."""
    before = time.monotonic()
    return before, read(), time.monotonic()


@pytest.mark.parametrize("read", ["truth", "counter"])
def test_energy_is_power_times_time(gpu: SimulatedGpu, read: str) -> None:
    """At 300 W and then at 100 W, to the microseconds that a reading takes."""
    now = {"truth": lambda: gpu.true_j, "counter": counted}[read]
    for power in (300, 100):
        gpu.power_w = power
        before, first, after = timed(now)
        time.sleep(0.05)
        before_last, last, after_last = timed(now)
        assert (
            power * (before_last - after) - 0.002
            <= last - first
            <= power * (after_last - before) + 0.002
        )


def test_the_counter_moves_in_steps_and_never_backwards(gpu: SimulatedGpu) -> None:
    """Once in 20 ms, by what was used in them, even where the power changes in between."""
    gpu.update_s = 0.02
    time.sleep(0.03)
    shown, truth = [], gpu.true_j
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        shown.append(counted())
        truth = gpu.true_j
    steps = {b - a for a, b in pairwise(shown)}
    assert all(step / 6 == pytest.approx(round(step / 6), abs=0.01) for step in steps)
    assert 1 <= len(set(shown)) <= 17
    assert shown[-1] <= truth
    for power in (0, 600) * 20:
        gpu.power_w = power
        time.sleep(0.003)
        shown.append(counted())
    assert shown == sorted(shown)


def test_load_clock_and_limit_give_the_power(gpu: SimulatedGpu) -> None:
    """Idle 70 W, full load 630 W, less at a lower clock, never above the limit; set watts hold."""
    seen = []
    for load, clock, limit in ((0, 0, 700), (1, 0, 700), (1, 1200, 700), (1, 0, 400)):
        gpu.load, gpu.locked_sm_mhz, gpu.power_limit_w = load, clock, limit
        assert gpu.power_w == pytest.approx(watts(), abs=0.001)
        seen.append(watts())
    assert seen == [70, 630, pytest.approx(70 + 560 * (1200 / 1980) ** 2.2, abs=0.001), 400]
    rates = pynvml.nvmlDeviceGetUtilizationRates(handle())
    assert (rates.gpu, rates.memory) == (100, 100)
    gpu.power_w = 500
    assert watts() == 500


@pytest.mark.parametrize("catch_up", [True, False])
def test_a_stuck_counter_stands_still(gpu: SimulatedGpu, catch_up: bool) -> None:  # noqa: FBT001
    """Released it either shows all that was used meanwhile, or stays behind by it."""
    gpu.power_w = 0
    gpu.stick(catch_up=catch_up)
    stood, since = counted(), gpu.true_j
    gpu.power_w = 300
    time.sleep(0.05)
    assert counted() == stood
    gpu.power_w = 0
    gpu.release()
    missing = gpu.true_j - since
    assert missing >= 300 * 0.05
    assert gpu.true_j - counted() == pytest.approx(0 if catch_up else missing, abs=0.002)


def test_a_glitch_lasts_as_long_as_it_is_told(gpu: SimulatedGpu) -> None:
    """Two readings are 50 J too low, the third is right again."""
    gpu.power_w = 0
    right = counted()
    gpu.glitch(50, reads=2)
    assert [right - counted() for _ in range(3)] == [pytest.approx(50), pytest.approx(50), 0]


def test_a_counter_can_count_in_another_unit_or_anew(gpu: SimulatedGpu) -> None:
    """The factor holds for all that it shows; after a restart it shows what was used since."""
    gpu.power_w = 0
    right = counted()
    gpu.unit_factor = 0.001
    assert counted() == pytest.approx(right / 1000, abs=0.001)
    gpu.unit_factor = 1
    gpu.restart_counter()
    assert counted() == 0
    since = gpu.true_j
    gpu.power_w = 300
    time.sleep(0.02)
    gpu.power_w = 0
    assert counted() == pytest.approx(gpu.true_j - since, abs=0.002)


def test_a_lost_card_answers_nothing(gpu: SimulatedGpu) -> None:
    """Every call on its handle fails, and so does looking for it."""
    card = handle()
    asked = (
        pynvml.nvmlDeviceGetName,
        pynvml.nvmlDeviceGetTotalEnergyConsumption,
        pynvml.nvmlDeviceGetPowerUsage,
    )
    gpu.lose()
    for question in asked:
        with refused(pynvml.NVML_ERROR_GPU_IS_LOST):
            question(card)
    with refused(pynvml.NVML_ERROR_GPU_IS_LOST):
        handle()
    gpu.find()
    assert counted() > 0


def test_counter_and_sensor_can_be_missing_forbidden_slow_or_at_odds(gpu: SimulatedGpu) -> None:
    """Each alone, and only while it is switched on."""
    gpu.forbid()
    with refused(pynvml.NVML_ERROR_NO_PERMISSION):
        counted()
    gpu.allow()
    gpu.no_counter = gpu.no_sensor = True
    for read in (counted, watts):
        with refused(pynvml.NVML_ERROR_NOT_SUPPORTED):
            read()
    gpu.no_counter = gpu.no_sensor = False
    gpu.sensor_factor, gpu.read_delay_s = 1.5, 0.05
    before, seen, after = timed(watts)
    assert (seen, gpu.power_w) == (450, 300)
    assert after - before >= 0.05


def test_processes_read_at_the_same_time(nvml: SimulatedNvml, gpu: SimulatedGpu) -> None:
    """Of what two processes read side by side, exactly the requested number of reads is wrong."""
    gpu.power_w = 0
    right = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle())
    gpu.glitch(50, reads=400_000)
    code = f"""if True:
        import pynvml, sys
        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByIndex(0)
        print(flush=True)
        sys.stdin.readline()
        read = pynvml.nvmlDeviceGetTotalEnergyConsumption
        print(sum(read(card) != {right} for _ in range(400_000)))
    """
    environment = {**os.environ, **nvml.environment()}
    command = [sys.executable, "-c", code]
    readers = [
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for reader in readers:
        reader.stdout.readline()
    for reader in readers:
        reader.stdin.write("go\n")
        reader.stdin.flush()
    assert sum(int(reader.communicate()[0]) for reader in readers) == 400_000


BUILD = """
import sys
from pathlib import Path
from tests.simulators import nvml

def build(folder):
    print("compiled", flush=True)
    return compile_driver(folder)

compile_driver, nvml.build = nvml.build, build
print(nvml.build_once(Path(sys.argv[1])))
"""


def test_processes_of_one_run_compile_the_driver_once(tmp_path: Path) -> None:
    """Of processes that need it at the same time one compiles, and all use the same library."""
    folder = tmp_path / "driver"
    command = [sys.executable, "-c", BUILD, str(folder)]
    root = Path(__file__).parents[2]
    builders = [
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    lines = "".join(builder.communicate()[0] for builder in builders).splitlines()
    if "None" in lines:
        pytest.skip("there is no C compiler to build the simulated NVIDIA driver with")
    assert lines.count("compiled") == 1
    assert lines.count(str(folder / SONAME)) == 3
