"""The energy counters of this machine as Zeus reads them: one sensor for each GPU, CPU package and package's memory.

Opens what is there and says why the rest is not. Counts package zones alone: ``psys`` holds the packages already. Zeus
follows RAPL's wraps in processes of its own, which miss wraps at a window's edges and outlive a killed run: it is kept
from starting them, and ``track`` follows the counter instead.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.machine.energy.readings import (
    DRAM_WATTS,
    GPU_WATTS,
    NVML_UPDATE_S,
    PACKAGE_WATTS,
    RAPL_UPDATE_S,
    Counter,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenbench.machine.gpus import Gpu

NO_GPU = "no GPU is counted (CPU cell)"
NO_RAPL = "this machine shows no RAPL counters (most virtual machines and all non-x86 processors lack them)"
NO_PERMISSION = "RAPL may not be read by this user"
NO_DRAM = "RAPL shows no DRAM zone for every CPU package here"
GRANT_RAPL = (
    "sudo chmod -R a+r /sys/devices/virtual/powercap/intel-rapl; after each boot too: "
    """echo 'SUBSYSTEM=="powercap", RUN+="/bin/chmod -R a+r /sys/devices/virtual/powercap/intel-rapl"' """
    "| sudo tee /etc/udev/rules.d/70-rapl.rules"
)
"""What lets a user read RAPL, whose counters only root may read since CVE-2020-8694."""
SAME_J, MOMENT_S, LOOKS, LONGEST_WAIT_S = 1.0, 0.01, 3, 1.5
MOUNT = "a container hides them: start it with -v /sys/class/powercap/intel-rapl:/zeus_sys/class/powercap/intel-rapl"
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One counter: which channel it counts for, how it is read, and what is known of it."""

    channel: str
    source: str
    counter: Counter
    read: Callable[[], float]
    """Joules since some moment in the past."""
    power: Callable[[], float] | None = None
    """Watts at this moment from another sensor of the same device, where there is one."""
    uuid: str = ""
    """Of a GPU."""
    calibrated: bool = False
    """Whether the update period was measured; else it is what the literature says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """The counters that can be read, and by channel why one is missing."""

    found: tuple[Sensor, ...] = ()
    missing: dict[str, str]
    close: Callable[[], None] = lambda: None

    @property
    def sources(self) -> dict[str, str]:
        """Source of each channel that is counted."""
        return {s.channel: s.source for s in self.found}


def find_sensors(gpus: Sequence[Gpu]) -> Sensors:
    """Open the counters of ``gpus`` and of this machine's CPUs."""
    cards, close, no_gpu = _gpu_sensors(gpus)
    zones, no_rapl = rapl_sensors()
    missing = dict.fromkeys(("cpu", "dram"), no_rapl) if no_rapl else {}
    if zones and not any(s.channel == "dram" for s in zones):
        missing["dram"] = NO_DRAM
    if no_gpu:
        missing["gpu"] = no_gpu
    return Sensors(found=(*cards, *zones), missing=missing, close=close)


def read_errors() -> tuple[type[Exception], ...]:
    """Return what reading a counter may raise: NVML's, Zeus's and zeusd's errors, a vanished file, an empty answer."""
    import httpx
    import pynvml
    from zeus.exception import ZeusBaseError

    return (ZeusBaseError, pynvml.NVMLError, httpx.HTTPError, OSError, ValueError, KeyError)


def _gpu_sensors(gpus: Sequence[Gpu]) -> tuple[list[Sensor], Callable[[], None], str]:
    """Return the sensors of all ``gpus``, what closes them, and the reason where there is none: all or nothing."""
    if not gpus:
        return [], lambda: None, NO_GPU
    if without := [f"{gpu.name} ({gpu.uuid})" for gpu in gpus if not gpu.energy_counter]:
        return [], lambda: None, f"no energy counter in {', '.join(without)}"
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], lambda: None, f"NVML answers '{error}'"
    try:
        return [_gpu_sensor(gpu) for gpu in gpus], pynvml.nvmlShutdown, ""
    except read_errors() as error:
        pynvml.nvmlShutdown()
        return [], lambda: None, f"the GPU's counter cannot be read: {error}"


def _gpu_sensor(gpu: Gpu) -> Sensor:
    """Read the card by its UUID: numbers may have changed since the survey, and are CUDA's for some, NVML's for others."""
    import pynvml
    from zeus.device.gpu.nvidia import NVIDIAGPU

    logging.getLogger("zeus").setLevel(logging.ERROR)
    card = NVIDIAGPU(pynvml.nvmlDeviceGetIndex(pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid)))
    card.get_total_energy_consumption()
    return Sensor(
        channel="gpu",
        source="simulated:nvml-counter" if gpu.simulated else "zeus:nvml-counter",
        counter=Counter(
            name=f"energy counter of {gpu.name} ({gpu.uuid})",
            max_watts=GPU_WATTS,
            update_s=NVML_UPDATE_S,
        ),
        read=lambda: card.get_total_energy_consumption() / 1000,
        power=_power(card),
        uuid=gpu.uuid,
    )


def _power(card: Any) -> Callable[[], float] | None:
    """Return the reading of the power sensor, or None: cards before Ampere tell no momentary watts."""
    try:
        card.get_instant_power_usage()
    except read_errors():
        return None
    return lambda: card.get_instant_power_usage() / 1000


def rapl_sensors() -> tuple[list[Sensor], str]:
    """Look for RAPL's package zones where Zeus looks, and say why there is none where there is none."""
    from zeus.device.cpu import rapl as zeus_rapl
    from zeus.device.cpu.common import ZeusCPUNoPermissionError

    if not zeus_rapl.rapl_is_available():
        return [], NO_RAPL
    try:
        with _quiet():
            cpus = zeus_rapl.RAPLCPUs()
        found = list(_zones(cpus))
    except ZeusCPUNoPermissionError:
        return [], f"{NO_PERMISSION}: {GRANT_RAPL}"
    except read_errors() as error:
        return [], f"RAPL cannot be read: {error}"
    packages, memories = (
        without_mirrors([s for s in found if s.channel == c]) for c in ("cpu", "dram")
    )
    if not packages:
        return [], f"{cpus.rapl_dir} holds no package zone ({MOUNT})"
    return packages + (memories if len(memories) == len(packages) else []), ""


def without_mirrors(zones: list[Sensor]) -> list[Sensor]:
    """Leave out zones that show another one's counter: some processors of several dies have one for each, all alike.

    Counters of their own that lie within a joule of each other, move, and lie so again do not occur.
    """
    kept: list[Sensor] = []
    for zone in zones:
        if not any(_mirrors(zone, other) for other in kept):
            kept.append(zone)
    return kept


def _mirrors(one: Sensor, other: Sensor) -> bool:
    """Wait until ``one`` has moved, and see whether ``other`` went with it."""
    if not _alike(one, other):
        return False
    start, until = one.read(), time.perf_counter() + LONGEST_WAIT_S
    while one.read() == start:
        if time.perf_counter() > until:
            return False
        time.sleep(MOMENT_S)
    return all(_alike(one, other) for _ in range(LOOKS))


def _alike(one: Sensor, other: Sensor) -> bool:
    """Whether ``other`` shows what ``one`` shows just before and just after it, however long a reading takes."""
    before, between, after = one.read(), other.read(), one.read()
    return before - SAME_J <= between <= after + SAME_J


class _NoTracker:
    """Stands where Zeus keeps its process that counts wraps: none is started, and none is counted."""

    process = None

    def get_num_wraparounds(self) -> int:
        """Return 0: the track counts."""
        return 0


def _zones(cpus: Any) -> Iterator[Sensor]:
    source = f"{'zeus' if on_sysfs(Path(cpus.rapl_dir)) else 'simulated'}:rapl"
    for cpu in cpus.cpus:
        folder = Path(cpus.rapl_dir) / f"intel-rapl:{cpu.cpu_index}"
        name = (folder / "name").read_text().strip()
        if not name.startswith("package-"):
            continue
        for file in (getattr(cpu, "rapl_file", None), getattr(cpu, "dram", None)):
            if file is not None:
                file._wraparound_tracker = _NoTracker()  # noqa: SLF001 - Zeus has no public way to leave it out
        counter, range_j = _counter(name, folder, PACKAGE_WATTS)
        package = Sensor(
            channel="cpu",
            source=source,
            counter=counter,
            read=_reader(cpu, "rapl_file", "cpu_mj", range_j),
        )
        yield package
        if (
            cpu.supports_get_dram_energy_consumption()
            and (below := _dram_folder(folder)) is not None
        ):
            counter, range_j = _counter(f"DRAM of {name}", below, DRAM_WATTS)
            yield replace(
                package,
                channel="dram",
                counter=counter,
                read=_reader(cpu, "dram", "dram_mj", range_j),
            )


def _reader(cpu: Any, zone: str, field: str, range_j: float) -> Callable[[], float]:
    """Return how a zone's joules are read: from its file, or from zeusd.

    zeusd counts wraps itself, some time after they happened: without its ranges the track sees them where they are.
    """
    if (file := getattr(cpu, zone, None)) is not None:
        return lambda: float(file.read()) / 1000
    return lambda: float(getattr(cpu.get_total_energy_consumption(), field)) / 1000 % range_j


def _dram_folder(package: Path) -> Path | None:
    return next(
        (
            name.parent
            for name in package.glob("intel-rapl:*/name")
            if name.read_text().strip() == "dram"
        ),
        None,
    )


def _counter(name: str, folder: Path, watts: float) -> tuple[Counter, float]:
    """Return what is known of a zone's counter, and its range in joules; raises ValueError where it has none."""
    range_j = float((folder / "max_energy_range_uj").read_text()) / 1e6
    if range_j <= 0:
        raise ValueError(f"{folder.name} states a range of {range_j:g} J")
    return Counter(
        name=f"RAPL counter of {name}", max_watts=watts, update_s=RAPL_UPDATE_S, wraps_at_j=range_j
    ), range_j


def on_sysfs(folder: Path) -> bool:
    """Whether the kernel itself shows ``folder``: a tree of ordinary files is a simulation, whatever it is called."""
    lines = (line.split() for line in _MOUNTS.read_text().splitlines())
    mounts = {fields[4]: fields[fields.index("-") + 1] for fields in lines}
    real = os.path.realpath(folder)
    holding = [
        point for point in mounts if real == point or real.startswith(point.rstrip("/") + "/")
    ]
    return bool(holding) and mounts[max(holding, key=len)] == "sysfs"


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold Zeus's warnings back: what they say is in our reasons, and under ``-W error`` they would end the cell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
