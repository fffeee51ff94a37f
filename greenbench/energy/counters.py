"""GPU, CPU and DRAM joules from the counters of the hardware, read by Zeus.

Opens what is there and says why the rest is not. Counts package zones alone: ``psys`` holds the packages already.
Zeus's monitor is imported only where RAPL or a counted GPU is present (it takes seconds). Not for several threads.
"""

from __future__ import annotations

import atexit
import logging
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.devices import zeus_visibility
from greenbench.energy.readings import (
    DRAM_WATTS,
    GPU_WATTS,
    NVML_UPDATE_S,
    PACKAGE_WATTS,
    RAPL_UPDATE_S,
    Counter,
    Reading,
    checked,
    total,
)
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.devices import Gpu

NO_GPU = "no GPU is counted (CPU cell)"
NO_RAPL = "this machine shows no RAPL counters (most virtual machines and all non-x86 processors lack them)"
NO_PERMISSION = (
    "RAPL may not be read by this user: run as root, grant it with `sudo chmod -R a+r /sys/class/powercap/intel-rapl`, "
    "or start zeusd and set ZEUSD_SOCK_PATH"
)
NO_DRAM = "RAPL shows no DRAM zone for every CPU package here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One RAPL package zone and the memory below it, under Zeus's number."""

    number: int
    cpu: Counter
    dram: Counter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rapl:
    """The RAPL zones that may be read, with the object of Zeus that reads them; or the reason why there is none."""

    cpus: Any = None
    packages: tuple[Package, ...] = ()
    reason: str = ""


class Counters:
    """Zeus's counters of any number of open windows. Close it: Zeus follows RAPL's wraps in processes of its own."""

    def __init__(self, gpus: Sequence[Gpu], rapl: Rapl) -> None:
        """Open the counters of ``gpus``, all of which have one, and of ``rapl``. Raises what Zeus raises."""
        self._gpus = {gpu.index: _gpu_counter(gpu) for gpu in gpus}
        self._rapl = rapl
        self._failed: dict[str, str] = {}
        self._owner = os.getpid()
        self._monitor = _monitor(gpus, rapl)
        self.sources = _sources(gpus, rapl)
        # Zeus's own handlers run in forked children too, where they stop the trackers of the parent.
        for tracker in _trackers(rapl):
            atexit.unregister(tracker._stop)  # noqa: SLF001 - Zeus has no public way to end them
        atexit.register(self.close)

    def begin(self, key: str) -> None:
        """Open window ``key``. A counter that cannot be read shows in the readings at the window's end."""
        try:
            self._monitor.begin_window(key, sync_execution=False, restart=True)
        except _read_errors() as error:
            self._failed[key] = f"Zeus could not read the counters at the window's start: {error}"

    def end(self, key: str, seconds: float) -> Mapping[str, Reading]:
        """Close window ``key``, which took ``seconds``, and return the channels of ``sources``."""
        if (reason := self._failed.pop(key, None)) is not None:
            return dict.fromkeys(self.sources, Reading(reason=reason))
        try:
            with _quiet():
                measured = self._monitor.end_window(key, sync_execution=False)
        except _read_errors() as error:
            reason = f"Zeus could not read the counters at the window's end: {error}"
            return dict.fromkeys(self.sources, Reading(reason=reason))
        return {channel: total(self._readings(channel, measured, seconds)) for channel in self.sources}

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        self._failed.pop(key, None)
        if key in self._monitor.measurement_states:
            self._monitor.end_window(key, sync_execution=False, cancel=True)

    def close(self) -> None:
        """End the processes that Zeus started. Harmless when called twice, and in a forked child."""
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        for tracker in _trackers(self._rapl):
            if (process := tracker.process) is not None:
                tracker._stop()  # noqa: SLF001
                process.join()

    def _readings(self, channel: str, measured: Any, seconds: float) -> list[Reading]:
        if channel == "gpu":
            return [checked(measured.gpu_energy[i], seconds, counter) for i, counter in self._gpus.items()]
        packages = self._rapl.packages
        if channel == "cpu":
            return [checked(measured.cpu_energy[p.number], seconds, p.cpu) for p in packages]
        return [checked(measured.dram_energy[p.number], seconds, p.dram) for p in packages if p.dram is not None]


def open_counters(gpus: Sequence[Gpu]) -> tuple[Counters | None, dict[str, str]]:
    """Open every counter there is for ``gpus`` and this machine's CPUs, and say by channel why one is missing."""
    rapl = find_rapl()
    missing = _missing(gpus, rapl)
    countable = () if "gpu" in missing else tuple(gpus)
    if not countable and not rapl.packages:
        return None, missing
    try:
        return Counters(countable, rapl), missing
    except _read_errors() as error:
        return None, dict.fromkeys(CHANNELS, f"Zeus could not open its counters: {error}") | missing


def find_rapl() -> Rapl:
    """Look for RAPL's package zones where Zeus looks, and say why there is none where there is none."""
    from zeus.device.cpu import rapl as zeus_rapl
    from zeus.device.cpu.common import ZeusCPUNoPermissionError

    if not zeus_rapl.rapl_is_available():
        return Rapl(reason=NO_RAPL)
    try:
        with _quiet():
            cpus = zeus_rapl.RAPLCPUs()
        packages = tuple(_packages(cpus))
    except ZeusCPUNoPermissionError:
        return Rapl(reason=NO_PERMISSION)
    except _read_errors() as error:
        return Rapl(reason=f"RAPL cannot be read: {error}")
    if not packages:
        return Rapl(reason=f"{cpus.rapl_dir} holds no package zone (containers hide them: mount /sys/class/powercap)")
    return Rapl(cpus=cpus, packages=packages)


def _missing(gpus: Sequence[Gpu], rapl: Rapl) -> dict[str, str]:
    missing = {} if rapl.packages else {"cpu": rapl.reason, "dram": rapl.reason}
    if rapl.packages and not all(package.dram for package in rapl.packages):
        missing["dram"] = NO_DRAM
    without = [f"{gpu.name} ({gpu.uuid})" for gpu in gpus if not gpu.energy_counter]
    if without or not gpus:
        missing["gpu"] = f"no energy counter in {', '.join(without)}" if without else NO_GPU
    return missing


def _sources(gpus: Sequence[Gpu], rapl: Rapl) -> dict[str, str]:
    sources: dict[str, str] = {}
    if gpus:
        simulated = any(gpu.simulated for gpu in gpus)
        sources["gpu"] = "simulated:nvml-counter" if simulated else "zeus:nvml-counter"
    if rapl.packages:
        sources["cpu"] = "zeus:rapl"
    if rapl.packages and all(package.dram for package in rapl.packages):
        sources["dram"] = "zeus:rapl"
    return sources


def _monitor(gpus: Sequence[Gpu], rapl: Rapl) -> Any:
    from zeus.device import get_gpus
    from zeus.monitor import ZeusMonitor

    logging.getLogger("zeus").setLevel(logging.ERROR)
    with zeus_visibility(gpus), _quiet():
        if gpus:
            _refuse_other_numbers(gpus, get_gpus())  # the monitor itself would hide why Zeus finds no GPU
        monitor = ZeusMonitor(gpu_indices=[gpu.index for gpu in gpus], cpu_indices=[])
    if rapl.packages:
        # An object of our own, not Zeus's one per process: closing this meter must not stop another's wrap trackers.
        monitor.cpus = rapl.cpus
        monitor.cpu_indices = [package.number for package in rapl.packages]
        for number in monitor.cpu_indices:
            rapl.cpus.get_total_energy_consumption(number)  # starts the trackers now, not in the first window
    return monitor


def _refuse_other_numbers(gpus: Sequence[Gpu], seen: Any) -> None:
    """Refuse to read the wrong card: Zeus keeps the numbers of its first look, whatever changes later."""
    theirs = [gpu.gpu_index for gpu in seen.gpus]
    if any(gpu.index >= len(theirs) or theirs[gpu.index] != gpu.nvml_index for gpu in gpus):
        message = "it looked at the GPUs earlier, under another CUDA_VISIBLE_DEVICES: set that before you start"
        raise ValueError(message)


def _packages(cpus: Any) -> Iterator[Package]:
    for number, cpu in enumerate(cpus.cpus):
        folder = Path(cpus.rapl_dir) / f"intel-rapl:{cpu.cpu_index}"
        name = (folder / "name").read_text().strip()
        if name.startswith("package-"):
            dram = _dram_folder(folder) if cpu.supports_get_dram_energy_consumption() else None
            counted_dram = None if dram is None else _rapl_counter(f"DRAM of {name}", dram, DRAM_WATTS)
            yield Package(number=number, cpu=_rapl_counter(name, folder, PACKAGE_WATTS), dram=counted_dram)


def _dram_folder(package: Path) -> Path | None:
    return next((name.parent for name in package.glob("intel-rapl:*/name") if name.read_text().strip() == "dram"), None)


def _rapl_counter(name: str, folder: Path, watts: float) -> Counter:
    wraps_at_j = float((folder / "max_energy_range_uj").read_text()) / 1e6
    return Counter(name=f"RAPL counter of {name}", max_watts=watts, update_s=RAPL_UPDATE_S, wraps_at_j=wraps_at_j)


def _gpu_counter(gpu: Gpu) -> Counter:
    return Counter(name=f"energy counter of {gpu.name} ({gpu.uuid})", max_watts=GPU_WATTS, update_s=NVML_UPDATE_S)


def _trackers(rapl: Rapl) -> list[Any]:
    """Return the wrap trackers that Zeus has started below ``rapl`` (each is a process)."""
    cpus = rapl.cpus.cpus if rapl.cpus is not None else ()
    files = [file for cpu in cpus for file in (getattr(cpu, "rapl_file", None), getattr(cpu, "dram", None))]
    return [file._wraparound_tracker for file in files if file is not None and file._wraparound_tracker is not None]  # noqa: SLF001


def _read_errors() -> tuple[type[Exception], ...]:
    """Return what reading a counter may raise: Zeus's errors, a vanished file, an empty one."""
    from zeus.exception import ZeusBaseError

    return (ZeusBaseError, OSError, ValueError)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold Zeus's warnings back: what they say is in our reasons, and under ``-W error`` they would end the cell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
