"""Builds the simulated NVIDIA driver with the system's compiler, and controls its cards.

pynvml loads ``libnvidia-ml.so.1`` by name; a process that has loaded a library of that name already
gets that one.
"""

from __future__ import annotations

import ctypes
import fcntl
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pynvml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SONAME = "libnvidia-ml.so.1"
SOURCES = tuple(
    Path(__file__).with_name(name) for name in ("nvml.c", "nvml_cards.c", "nvml_state.c")
)
MAX_GPUS = 8
MAX_PROCESSES = 8
THROTTLE = {
    "gpu_idle": pynvml.nvmlClocksThrottleReasonGpuIdle,
    "applications_clocks_setting": pynvml.nvmlClocksThrottleReasonApplicationsClocksSetting,
    "sw_power_cap": pynvml.nvmlClocksThrottleReasonSwPowerCap,
    "hw_slowdown": pynvml.nvmlClocksThrottleReasonHwSlowdown,
    "sync_boost": pynvml.nvmlClocksThrottleReasonSyncBoost,
    "sw_thermal_slowdown": pynvml.nvmlClocksThrottleReasonSwThermalSlowdown,
    "hw_thermal_slowdown": pynvml.nvmlClocksThrottleReasonHwThermalSlowdown,
    "hw_power_brake_slowdown": pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
    "display_clock_setting": pynvml.nvmlClocksThrottleReasonDisplayClockSetting,
}
"""Bits of the reasons for a lower clock, by name."""


def build(folder: Path) -> Path | None:
    """Compile the driver into ``folder``; None where there is no compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    fresh = folder / "fresh"
    options = [
        "-O2",
        "-Wall",
        "-Wextra",
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
        "-pthread",
        f"-Wl,-soname,{SONAME}",
    ]
    subprocess.run([compiler, *options, "-o", fresh, *SOURCES, "-lm"], check=True)
    return fresh.replace(folder / SONAME)


def build_once(folder: Path) -> Path | None:
    """Compile the driver into ``folder``, unless another process has done so or is doing it."""
    folder.mkdir(exist_ok=True)
    library = folder / SONAME
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return library if library.exists() else build(folder)


def real_driver() -> bool:
    """Whether this process has, or would load, a real NVML, which no simulation may replace."""
    if pynvml.nvmlLib is not None:
        return True
    try:
        ctypes.CDLL(SONAME)
    except OSError:
        return False
    return True


class Number:
    """A number of a card, read and set under the attribute's name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, gpu: SimulatedGpu, owner: type) -> float:
        return gpu.get(self._name)

    def __set__(self, gpu: SimulatedGpu, value: float) -> None:
        gpu.set(self._name, value)


class Switch:
    """Something about a card that is on or off, read and set under the attribute's name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, gpu: SimulatedGpu, owner: type) -> bool:
        return gpu.get(self._name) > 0

    def __set__(self, gpu: SimulatedGpu, value: bool) -> None:  # noqa: FBT001 - it is an assignment
        gpu.set(self._name, 1 if value else 0)


class SimulatedGpu:
    """One card. Whatever is set holds from that moment on."""

    load = Number()
    """0 to 1. Setting it lets the power follow load, SM clock and power limit."""
    idle_w = Number()
    update_s = Number()
    """How often the energy counter moves; 0 is always."""
    power_limit_w = Number()
    default_limit_w = Number()
    min_limit_w = Number()
    max_limit_w = Number()
    sm_clock_mhz = Number()
    memory_clock_mhz = Number()
    locked_sm_mhz = Number()
    """Upper end of the range that the SM clock is locked to; 0 is not locked."""
    locked_memory_mhz = Number()
    temperature_c = Number()
    architecture = Number()
    persistence = Switch()
    mig = Switch()
    privileged = Switch()
    """Whether root may change limits and clocks; other users never may."""
    lost = Switch()
    """Whether every call answers that the card is lost."""
    forbidden = Switch()
    """Whether the energy counter may not be read."""
    no_counter = Switch()
    no_sensor = Switch()
    """Whether there is no power sensor."""
    stuck = Switch()
    unit_factor = Number()
    """What the energy counter is multiplied by."""
    sensor_factor = Number()
    """What the power sensor is multiplied by."""
    read_delay_s = Number()
    """How long energy and power take to be read."""
    glitch_j = Number()
    glitch_reads = Number()
    throttle_mask = Number()

    def __init__(self, library: ctypes.CDLL, index: int) -> None:
        """Stand for the card that NVML calls ``index``."""
        self._library, self._index = library, index
        self._catch_up = True
        self._running: dict[int, Sequence[tuple[int, int]]] = {}

    @property
    def uuid(self) -> str:
        """As NVML tells it."""
        return f"GPU-51a00000-0000-0000-0000-{self._index:012d}"

    @property
    def true_j(self) -> float:
        """Exactly what it has used until now."""
        return float(self._library.sim_true_energy_mj(self._index)) / 1000

    @property
    def power_w(self) -> float:
        """What it draws; set, it draws just that, until a negative number undoes the setting."""
        return float(self._library.sim_power_w(self._index))

    @power_w.setter
    def power_w(self, watts: float) -> None:
        self.set("power_w", watts)

    @property
    def throttle(self) -> frozenset[str]:
        """Names of what holds its clocks back. Set it to names of ``THROTTLE``, or to a mask."""
        return frozenset(name for name, bit in THROTTLE.items() if int(self.throttle_mask) & bit)

    @throttle.setter
    def throttle(self, reasons: Iterable[str] | int) -> None:
        self.throttle_mask = (
            reasons if isinstance(reasons, int) else sum(THROTTLE[name] for name in set(reasons))
        )

    @property
    def processes(self) -> Sequence[tuple[int, int]]:
        """Pids and bytes of what computes on it, as set here."""
        return self._running.get(0, ())

    @processes.setter
    def processes(self, running: Sequence[tuple[int, int]]) -> None:
        self._run(0, running)

    @property
    def graphics_processes(self) -> Sequence[tuple[int, int]]:
        """Pids and bytes of what draws on it, as set here."""
        return self._running.get(1, ())

    @graphics_processes.setter
    def graphics_processes(self, running: Sequence[tuple[int, int]]) -> None:
        self._run(1, running)

    def run(self, *processes: tuple[int, int]) -> None:
        """Let ``processes``, each a pid and its bytes, and no others compute on it."""
        self.processes = processes

    def stick(self, *, catch_up: bool = True) -> None:
        """Let the counter stand still until ``release``; then it shows the truth or lags behind."""
        self._catch_up, self.stuck = catch_up, True

    def release(self) -> None:
        """Let the counter go on."""
        self._library.sim_release(self._index, int(self._catch_up))

    def unstick(self, *, catch_up: bool) -> None:
        """Let the counter go on, from the truth or from where it stood."""
        self._catch_up = catch_up
        self.release()

    def glitch(self, joules: float, reads: int = 1) -> None:
        """Show ``joules`` too few in the next ``reads`` readings of the counter by any process."""
        self.glitch_j = joules
        self.glitch_reads = reads

    def restart_counter(self) -> None:
        """Let the counter begin at 0 again, as a reset does."""
        self._library.sim_restart_counter(self._index)

    def lose(self) -> None:
        """Let the card fall off the bus."""
        self.lost = True

    def find(self) -> None:
        """Let it be there again."""
        self.lost = False

    def forbid(self) -> None:
        """Refuse to let the energy counter be read."""
        self.forbidden = True

    def allow(self) -> None:
        """Let it be read again."""
        self.forbidden = False

    def get(self, name: str) -> float:
        """Return a setting by the C library's name for it."""
        value = float(self._library.sim_get(self._index, name.encode()))
        if math.isnan(value):
            raise LookupError(f"card {self._index} is not plugged in, or has no '{name}'")
        return value

    def set(self, name: str, value: float) -> None:
        """Change a setting by the C library's name for it."""
        if self._library.sim_set(self._index, name.encode(), value):
            raise LookupError(f"card {self._index} is not plugged in, or has no '{name}'")

    def _run(self, kind: int, running: Sequence[tuple[int, int]]) -> None:
        if len(running) > MAX_PROCESSES:
            raise ValueError(f"a simulated card runs at most {MAX_PROCESSES} processes of a kind")
        pids = (ctypes.c_uint * len(running))(*(pid for pid, _ in running))
        sizes = (ctypes.c_ulonglong * len(running))(*(size for _, size in running))
        self._library.sim_processes(self._index, kind, len(running), pids, sizes)
        self._running[kind] = tuple(running)


class SimulatedNvml:
    """The driver in this process. No card is plugged in at first."""

    def __init__(self, library: Path, state: Path) -> None:
        """Load ``library`` before pynvml does; other processes share the file ``state``."""
        self._folder, self._state = library.parent, state
        self._library = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        for name in ("sim_get", "sim_power_w", "sim_true_energy_mj"):
            getattr(self._library, name).restype = ctypes.c_double
        self._library.sim_set.argtypes = [ctypes.c_uint, ctypes.c_char_p, ctypes.c_double]
        self.gpus: list[SimulatedGpu] = []
        before = os.environ.get("NVML_SIMULATOR_STATE")
        os.environ["NVML_SIMULATOR_STATE"] = str(
            state
        )  # the library reads it once, at the first call
        self.reset()
        del os.environ["NVML_SIMULATOR_STATE"]
        if before is not None:
            os.environ["NVML_SIMULATOR_STATE"] = before

    def plug(self, count: int = 1) -> list[SimulatedGpu]:
        """Plug in ``count`` new cards instead of those that are there."""
        if not 1 <= count <= MAX_GPUS:
            raise ValueError(f"1 to {MAX_GPUS} cards can be plugged in, not {count}")
        self._library.sim_plug(count)
        self.gpus = [SimulatedGpu(self._library, i) for i in range(count)]
        return self.gpus

    def unplug(self) -> None:
        """Leave a machine without a driver."""
        self._library.sim_unplug()
        self.gpus = []

    def reset(self) -> None:
        """Leave a machine without a driver, and let pynvml and Zeus forget the cards."""
        if gpu := sys.modules.get("zeus.device.gpu"):
            gpu._gpus = None  # type: ignore[attr-defined]
        if nvidia := sys.modules.get("zeus.device.gpu.nvidia"):
            nvidia.nvml_is_available.cache_clear()
        self._library.sim_reset()
        pynvml._nvmlLib_refcount = 0
        self.gpus = []

    def environment(self) -> dict[str, str]:
        """Return the variables with which another process sees the same cards."""
        folders = [str(self._folder), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        return {
            "LD_LIBRARY_PATH": os.pathsep.join(folders),
            "NVML_SIMULATOR_STATE": str(self._state),
        }
