"""Builds the simulated NVIDIA driver with the system's compiler, and turns its knobs.

pynvml loads ``libnvidia-ml.so.1`` by name; a library of that name which the process has loaded already is the one it gets.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pynvml

SOURCE = Path(__file__).with_name("nvml.c")
SONAME = "libnvidia-ml.so.1"
FIELDS = (
    "power_w", "idle_w", "load", "update_s", "power_limit_w", "default_limit_w", "min_limit_w", "max_limit_w",
    "locked_sm_mhz", "locked_memory_mhz", "sm_clock_mhz", "memory_clock_mhz", "temperature_c", "throttle", "persistence",
    "mig", "architecture", "privileged", "lost", "forbidden", "no_counter", "no_sensor", "unit_factor", "sensor_factor",
    "read_delay_s", "stuck", "glitch_j", "glitch_reads", "offset_j",
)  # fmt: skip
"""Names of what can be set, in the order of the C source's enum."""


def build(folder: Path) -> Path | None:
    """Compile the driver into ``folder``; None where there is no compiler."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return None
    library = folder / SONAME
    options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{SONAME}", "-pthread"]
    subprocess.run([compiler, *options, "-o", str(library), str(SOURCE), "-lm"], check=True)
    return library


class SimulatedGpu:
    """One card. Every name of ``FIELDS`` can be read and set as a number."""

    def __init__(self, library: ctypes.CDLL, index: int) -> None:
        """Stand for card ``index``."""
        self.__dict__.update(_library=library, _index=index)

    @property
    def uuid(self) -> str:
        """As NVML tells it."""
        return f"GPU-51a00000-0000-0000-0000-{self._index:012d}"

    @property
    def true_j(self) -> float:
        """What it has really used until now."""
        return self._library.sim_true_energy_j(self._index)

    def __getattr__(self, name: str) -> float:
        """Return what is set."""
        if name not in FIELDS:
            raise AttributeError(name)
        return self._library.sim_get(self._index, FIELDS.index(name))

    def __setattr__(self, name: str, value: float) -> None:
        """Set it, from now on."""
        if name not in FIELDS:
            raise AttributeError(name)
        self._library.sim_set(self._index, FIELDS.index(name), value)

    def stick(self) -> None:
        """Let the counter stand still; the card goes on."""
        self.stuck = 1

    def unstick(self, *, catch_up: bool) -> None:
        """Let it go on: from what was used meanwhile, or from where it stood."""
        self.stuck = 0 if catch_up else -1

    def glitch(self, joules: float, reads: int = 1) -> None:
        """Show ``joules`` too few in the next ``reads`` readings."""
        self.glitch_j = joules
        self.glitch_reads = reads

    def restart_counter(self) -> None:
        """Let the counter begin at 0 again, as a reset does."""
        self.offset_j = -self.true_j

    def run(self, *processes: tuple[int, int]) -> None:
        """Let ``processes``, each a pid and its bytes, run on the card."""
        count = len(processes)
        pids = (ctypes.c_uint * count)(*(pid for pid, _ in processes))
        sizes = (ctypes.c_ulonglong * count)(*(size for _, size in processes))
        self._library.sim_processes(self._index, count, pids, sizes)


class SimulatedNvml:
    """The driver in this process. No card is plugged in at first."""

    def __init__(self, library: Path, state: Path) -> None:
        """Load ``library`` before pynvml looks for one; ``state`` is the file that other processes share."""
        self._folder, self._state = library.parent, state
        os.environ["NVML_SIMULATOR_STATE"] = str(state)  # the library reads the C environment, once
        self._library = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        self._library.sim_get.restype = ctypes.c_double
        self._library.sim_true_energy_j.restype = ctypes.c_double
        self._library.sim_set.argtypes = [ctypes.c_uint, ctypes.c_uint, ctypes.c_double]
        self._library.sim_plug(0)
        del os.environ["NVML_SIMULATOR_STATE"]
        self.gpus: list[SimulatedGpu] = []

    def plug(self, count: int = 1) -> list[SimulatedGpu]:
        """Plug in ``count`` new cards."""
        self._library.sim_plug(count)
        self.gpus = [SimulatedGpu(self._library, i) for i in range(count)]
        return self.gpus

    def unplug(self) -> None:
        """Leave a machine without a driver."""
        self._library.sim_plug(0)
        self.gpus = []

    def environment(self) -> dict[str, str]:
        """Return the variables with which another process sees the same cards."""
        return {"LD_LIBRARY_PATH": str(self._folder), "NVML_SIMULATOR_STATE": str(self._state)}


def real_driver() -> bool:
    """Whether this process has a real driver, which no simulation may replace."""
    if pynvml.nvmlLib is not None:
        return True
    try:
        ctypes.CDLL(SONAME)
    except OSError:
        return False
    return True
