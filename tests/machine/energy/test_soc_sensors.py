"""Systems on a chip: their GPU counts where it is asked for, and the whole board in no total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.machine import gpus as devices
from greenbench.machine.energy.meter import open_meter
from greenbench.machine.energy.soc_sensors import soc_sensors
from tests.simulators.soc import JetsonRails, plug_apple

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_rapl")


def test_apple_silicon_counts_cpu_memory_and_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through Zeus's class; fields that this chip lacks have a reason."""
    monitor = plug_apple(monkeypatch, cpu_total_mj=1000, gpu_mj=500)
    with open_meter((), calibrate_s=0, integrated_gpu=True) as meter:
        with meter.window("training"):
            monitor.metrics.cpu_total_mj += 7000
            monitor.metrics.gpu_mj += 2000
        (window,) = meter.take()
    energy = window.energy
    assert (energy.cpu_j, energy.gpu_j, energy.dram_j) == (7, 2, None)
    assert energy.sources == {
        "gpu": "zeus:apple-silicon",
        "cpu": "zeus:apple-silicon",
        "dram": "none",
    }
    assert energy.reasons == {"dram": "this chip shows no dram_mj"}


def test_the_chip_s_gpu_is_left_out_of_a_cell_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other GPU is."""
    plug_apple(monkeypatch, cpu_total_mj=1000, gpu_mj=500)
    with open_meter((), calibrate_s=0, no_gpu="a CPU cell") as meter:
        assert (meter.sources["gpu"], meter.reasons["gpu"]) == ("none", "a CPU cell")
    assert devices.counted("auto", "cuda:0") == ()  # it counts with the chip, and is not refused


def test_counters_that_fail_cost_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native package raises RuntimeError."""
    monitor = plug_apple(monkeypatch, cpu_total_mj=1000)
    with open_meter((), calibrate_s=0) as meter:
        with meter.window("training"):
            monkeypatch.setattr(monitor, "broken", "IOReport is gone")
        (window,) = meter.take()
    assert "IOReport is gone" in window.energy.reasons["cpu"]
    assert {str(missing) for missing in soc_sensors().missing.values()} == {
        "Apple's energy counters cannot be read: IOReport is gone"
    }


def test_a_jetson_s_board_contains_its_rails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU and GPU are summed, and the board's input is not; no process is started for it."""
    rails = JetsonRails(tmp_path, monkeypatch)
    for label, watts in (("VDD_CPU_CV", 4), ("VDD_GPU_SOC", 6), ("VDD_IN", 15)):
        rails.draw(label, watts)
    with open_meter((), calibrate_s=0, integrated_gpu=True) as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    energy = window.energy
    assert set(energy.sources.items()) == {
        *((channel, "simulated:jetson-rails") for channel in ("gpu", "cpu", "node")),
        ("dram", "none"),
    }
    assert energy.scope == ("gpu", "cpu")
    assert energy.node_j > energy.cpu_j > 0
    assert "integration" in energy.uncertainty_j["node"]


def test_a_rail_that_may_be_shared_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some boards have one rail for CPU and GPU, which Zeus takes for the CPU's."""
    JetsonRails(tmp_path, monkeypatch).draw("VDD_CPU_GPU_CV", 10)
    group = soc_sensors()
    (sensor,) = group.sensors
    assert (sensor.channel, "CPU joules hold the GPU's" in sensor.note) == ("cpu", True)
    assert set(group.missing) == {"gpu", "dram", "node"}


def test_other_machines_have_none() -> None:
    """Nothing is found, and nothing is missing."""
    group = soc_sensors()
    assert (group.sensors, dict(group.missing)) == ((), {})
