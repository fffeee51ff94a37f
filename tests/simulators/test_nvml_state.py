"""The simulated driver shows and changes the state of its cards, also for other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pynvml
import pytest
import zeus.device.gpu
from zeus.device.gpu.common import ZeusGPUNoPermissionError, ZeusGPUNotSupportedError

from greenbench.machine import gpus as devices
from tests.simulators.asking import handle, refused
from tests.simulators.nvml import THROTTLE

if TYPE_CHECKING:
    from tests.simulators.nvml import SimulatedGpu, SimulatedNvml

NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change limits and clocks")


@pytest.mark.usefixtures("gpu")
def test_nvml_tells_what_a_card_is(nvml: SimulatedNvml) -> None:
    """Two cards, each found by its number and by its UUID; partitions and architecture as set."""
    cards = nvml.plug(2)
    for i, card in enumerate(cards):
        found = pynvml.nvmlDeviceGetHandleByUUID(card.uuid)
        assert (pynvml.nvmlDeviceGetIndex(found), pynvml.nvmlDeviceGetUUID(found)) == (i, card.uuid)
    with refused(pynvml.NVML_ERROR_INVALID_ARGUMENT):
        pynvml.nvmlDeviceGetHandleByIndex(2)
    with refused(pynvml.NVML_ERROR_NOT_FOUND):
        pynvml.nvmlDeviceGetHandleByUUID(cards[0].uuid[:-1] + "7")
    with refused(pynvml.NVML_ERROR_NOT_SUPPORTED):
        pynvml.nvmlDeviceGetMigMode(handle())
    cards[0].mig, cards[0].architecture = True, 6
    assert pynvml.nvmlDeviceGetMigMode(handle()) == [1, 1]
    assert pynvml.nvmlDeviceGetArchitecture(handle()) == 6


def test_nvml_tells_the_state_that_is_set(gpu: SimulatedGpu) -> None:
    """Temperature, clocks, reasons for a lower clock and processes."""
    gpu.temperature_c, gpu.sm_clock_mhz, gpu.memory_clock_mhz = 81, 1500, 2619
    gpu.throttle = {"sw_power_cap", "hw_thermal_slowdown"}
    gpu.processes, gpu.graphics_processes = [(11, 1 << 30), (12, 5)], [(13, 7)]
    assert (
        pynvml.nvmlDeviceGetTemperatureV(handle(), 0)
        == pynvml.nvmlDeviceGetTemperature(handle(), 0)
        == 81
    )
    clocks = [
        pynvml.nvmlDeviceGetClockInfo(handle(), kind)
        for kind in (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM)
    ]
    assert clocks == [1500, 2619]
    for question in (
        pynvml.nvmlDeviceGetCurrentClocksThrottleReasons,
        pynvml.nvmlDeviceGetCurrentClocksEventReasons,
    ):
        assert question(handle()) == THROTTLE["sw_power_cap"] | THROTTLE["hw_thermal_slowdown"]
    assert gpu.throttle == {"sw_power_cap", "hw_thermal_slowdown"}
    running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle())
    assert (
        [(p.pid, p.usedGpuMemory) for p in running]
        == [(11, 1 << 30), (12, 5)]
        == list(gpu.processes)
    )
    assert [p.pid for p in pynvml.nvmlDeviceGetGraphicsRunningProcesses(handle())] == [13]


def test_what_is_out_of_range_is_refused(gpu: SimulatedGpu) -> None:
    """Limits above the highest, clocks that the card does not have, a range upside down."""
    for setter, arguments in (
        (pynvml.nvmlDeviceSetPowerManagementLimit, (900_000,)),
        (pynvml.nvmlDeviceSetGpuLockedClocks, (345, 5000)),
        (pynvml.nvmlDeviceSetGpuLockedClocks, (1500, 900)),
        (pynvml.nvmlDeviceSetMemoryLockedClocks, (1, 2619)),
    ):
        with refused(pynvml.NVML_ERROR_INVALID_ARGUMENT):
            setter(handle(), *arguments)
    assert (gpu.power_limit_w, gpu.locked_sm_mhz, gpu.locked_memory_mhz) == (700, 0, 0)


@ROOT_ONLY
def test_setters_change_the_card(gpu: SimulatedGpu) -> None:
    """Limit, clocks and persistence, there and back through Zeus."""
    card = zeus.device.gpu.get_gpus().gpus[0]
    card._disable_sys_admin_warning = True
    card.set_power_management_limit(400_000)
    card.set_gpu_locked_clocks(900, 1200)
    card.set_memory_locked_clocks(1593, 2619)
    card.set_persistence_mode(enabled=True)
    clocks = [
        pynvml.nvmlDeviceGetClockInfo(handle(), kind)
        for kind in (pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM)
    ]
    assert (gpu.power_limit_w, *clocks, gpu.persistence) == (400, 1200, 2619, True)
    card.reset_power_management_limit()
    card.reset_gpu_locked_clocks()
    card.reset_memory_locked_clocks()
    assert (gpu.power_limit_w, gpu.locked_sm_mhz, gpu.locked_memory_mhz) == (700, 0, 0)


@ROOT_ONLY
@pytest.mark.parametrize("why", ["flag", "user"])
def test_without_permission_only_the_present_value_can_be_set(gpu: SimulatedGpu, why: str) -> None:
    """Neither where the flag is off nor for an ordinary user."""
    gpu.privileged = why != "flag"
    os.seteuid(NOBODY if why == "user" else 0)
    try:
        pynvml.nvmlDeviceSetPowerManagementLimit(handle(), 700_000)
        with refused(pynvml.NVML_ERROR_NO_PERMISSION):
            pynvml.nvmlDeviceSetPowerManagementLimit(handle(), 500_000)
    finally:
        os.seteuid(0)
    assert gpu.power_limit_w == 700


def test_zeus_reads_it(gpu: SimulatedGpu) -> None:
    """Energy, power, temperature, limits and clocks through Zeus's own class, and its errors."""
    card = zeus.device.gpu.get_gpus().gpus[0]
    before = gpu.true_j
    assert before <= card.get_total_energy_consumption() / 1000 + 0.001 <= gpu.true_j + 0.001
    assert card.supports_get_total_energy_consumption()
    assert card.get_instant_power_usage() == card.get_average_power_usage() == 300_000
    assert (card.get_gpu_temperature(), card.get_power_management_limit_constraints()) == (
        35,
        (200_000, 700_000),
    )
    assert card.get_supported_graphics_clocks(card.get_supported_memory_clocks()[0])[0] == 1980
    with pytest.raises(ZeusGPUNotSupportedError):
        card.get_average_memory_power_usage()
    gpu.forbid()
    with pytest.raises(ZeusGPUNoPermissionError):
        card.get_total_energy_consumption()


def test_processes_see_the_same_card(nvml: SimulatedNvml, gpu: SimulatedGpu) -> None:
    """Another process reads and changes our card through Zeus; the card survives its SIGKILL."""
    code = (
        "import os, pynvml; from zeus.device.gpu.nvidia import NVIDIAGPU;"
        "pynvml.nvmlInit(); gpu = NVIDIAGPU(0);"
        "pynvml.nvmlDeviceSetPersistenceMode(gpu.handle, 1) if os.geteuid() == 0 else None;"
        "print(gpu.get_total_energy_consumption(), gpu.get_instant_power_usage(), flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    before = gpu.true_j
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **nvml.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    energy, power = map(float, done.stdout.split())
    assert power == 300_000
    assert before < energy / 1000 <= gpu.true_j
    assert gpu.persistence == (os.geteuid() == 0)
    assert done.returncode == -9


def test_greenbench_sees_cards_and_none_when_they_are_unplugged(nvml: SimulatedNvml) -> None:
    """The survey calls them simulated; without any the machine has no usable driver."""
    nvml.plug(2)
    assert [(g.index, g.simulated, g.energy_counter) for g in devices.gpus()] == [
        (0, True, True),
        (1, True, True),
    ]
    nvml.unplug()
    assert "no usable NVIDIA driver" in devices.survey().reason


def test_a_call_needs_an_open_library(nvml: SimulatedNvml) -> None:
    """As with a real driver: before nvmlInit and after the last nvmlShutdown nothing answers."""
    nvml.plug()
    pynvml.nvmlInit()
    assert pynvml.nvmlDeviceGetCount() == 1
    pynvml.nvmlShutdown()
    with refused(pynvml.NVML_ERROR_UNINITIALIZED):
        handle()
    with refused(pynvml.NVML_ERROR_UNINITIALIZED):
        pynvml.nvmlShutdown()
