"""The energy counters of CPU packages and their memory (RAPL), read through Zeus.

Counts package zones alone: ``psys`` includes the packages already. Zeus follows RAPL's wraps in
processes of its own, which miss wraps at a window's edges and outlive a killed run: it is kept from
starting them, and ``track`` follows the counter instead.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench.machine.energy.mirrors import without_mirrors
from greenbench.machine.energy.readings import DRAM_WATTS, PACKAGE_WATTS, RAPL_UPDATE_S, Counter
from greenbench.machine.energy.sensors import Sensor, SensorGroup, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NO_RAPL = (
    "this machine shows no RAPL counters "
    "(most virtual machines and all non-x86 processors lack them)"
)
NO_PERMISSION = "RAPL may not be read by this user"
NO_DRAM = "RAPL shows no DRAM zone for every CPU package here"
GRANT_RAPL = (
    "sudo chmod -R a+r /sys/devices/virtual/powercap/intel-rapl; after each boot too: "
    """echo 'SUBSYSTEM=="powercap", """
    """RUN+="/bin/chmod -R a+r /sys/devices/virtual/powercap/intel-rapl"' """
    "| sudo tee /etc/udev/rules.d/70-rapl.rules"
)
"""What lets a user read RAPL, whose counters only root may read since CVE-2020-8694."""
MOUNT = (
    "a container hides them: start it with "
    "-v /sys/class/powercap/intel-rapl:/zeus_sys/class/powercap/intel-rapl"
)
_MOUNTS = Path("/proc/self/mountinfo")


class ZeusCpu(Protocol):
    """The part of Zeus's CPU classes that is used here.

    One that reads files itself has them as ``rapl_file`` and ``dram``; one that asks zeusd has not.
    """

    cpu_index: int

    def supports_get_dram_energy_consumption(self) -> bool:
        """Whether the package shows its memory's energy."""

    def get_total_energy_consumption(self) -> object:
        """Return the counters in millijoules, as ``cpu_mj`` and ``dram_mj``."""


class ZeusCpus(Protocol):
    """The part of Zeus's collection of CPUs that is used here."""

    rapl_dir: str
    cpus: Sequence[ZeusCpu]


class _NoTracker:
    """Stands in for Zeus's process that counts wraps: none is started, and none is counted."""

    process = None

    def get_num_wraparounds(self) -> int:
        """Return 0: the track counts wraps."""
        return 0


def rapl_sensors() -> SensorGroup:
    """Open the package zones where Zeus finds them, and their memory if all packages show it."""
    from zeus.device.cpu import rapl as zeus_rapl
    from zeus.device.cpu.common import ZeusCPUNoPermissionError

    if not zeus_rapl.rapl_is_available():
        return SensorGroup(reason=NO_RAPL)
    try:
        # Zeus's warnings repeat our reasons, and under ``-W error`` they would end the cell.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cpus = zeus_rapl.RAPLCPUs()
        packages, memories = _zones(cpus)
        packages = without_mirrors(packages)
        memories = without_mirrors(memories)
    except ZeusCPUNoPermissionError:
        return SensorGroup(reason=f"{NO_PERMISSION}: {GRANT_RAPL}")
    except read_errors() as error:
        return SensorGroup(reason=f"RAPL cannot be read: {error}")
    if not packages:
        return SensorGroup(reason=f"{cpus.rapl_dir} holds no package zone ({MOUNT})")
    if len(memories) != len(packages):
        memories = []
    return SensorGroup(sensors=(*packages, *memories))


def _zones(cpus: ZeusCpus) -> tuple[list[Sensor], list[Sensor]]:
    """Return the sensors of all packages, and those of their memory."""
    root = Path(cpus.rapl_dir)
    source = "zeus:rapl" if on_sysfs(root) else "simulated:rapl"
    packages = []
    memories = []
    for cpu in cpus.cpus:
        folder = root / f"intel-rapl:{cpu.cpu_index}"
        name = (folder / "name").read_text().strip()
        if not name.startswith("package-"):
            continue
        _replace_trackers(cpu)
        packages.append(_package_sensor(cpu, source, folder, name))
        if cpu.supports_get_dram_energy_consumption():
            for memory_folder in _dram_folders(folder):
                memories.append(_dram_sensor(cpu, source, memory_folder, name))
                break
    return packages, memories


def _replace_trackers(cpu: ZeusCpu) -> None:
    """Keep Zeus from starting processes that count wraps; it has no public way to do so."""
    for attribute in ("rapl_file", "dram"):
        file = getattr(cpu, attribute, None)
        if file is not None:
            file._wraparound_tracker = _NoTracker()  # noqa: SLF001


def _package_sensor(cpu: ZeusCpu, source: str, folder: Path, name: str) -> Sensor:
    range_j = _range_j(folder)
    counter = _counter(name, PACKAGE_WATTS, range_j)
    read = _reader(cpu, "rapl_file", "cpu_mj", range_j)
    return Sensor(channel="cpu", source=source, counter=counter, read=read)


def _dram_sensor(cpu: ZeusCpu, source: str, folder: Path, package: str) -> Sensor:
    range_j = _range_j(folder)
    counter = _counter(f"DRAM of {package}", DRAM_WATTS, range_j)
    read = _reader(cpu, "dram", "dram_mj", range_j)
    return Sensor(channel="dram", source=source, counter=counter, read=read)


def _dram_folders(package: Path) -> Iterator[Path]:
    for name in package.glob("intel-rapl:*/name"):
        if name.read_text().strip() == "dram":
            yield name.parent


def _counter(name: str, max_watts: float, range_j: float) -> Counter:
    return Counter(
        name=f"RAPL counter of {name}",
        max_watts=max_watts,
        update_s=RAPL_UPDATE_S,
        wraps_at_j=range_j,
    )


def _range_j(folder: Path) -> float:
    """Return a zone's range in joules; raises ValueError if it has none."""
    range_j = float((folder / "max_energy_range_uj").read_text()) / 1e6
    if range_j <= 0:
        raise ValueError(f"{folder.name} states a range of {range_j:g} J")
    return range_j


def _reader(cpu: ZeusCpu, file_name: str, field: str, range_j: float) -> Callable[[], float]:
    """Return what reads a zone's joules: from its file, or from zeusd.

    zeusd counts wraps itself, some time after they happened: without its ranges the track sees them
    when they happen.
    """
    file = getattr(cpu, file_name, None)
    if file is not None:
        return lambda: float(file.read()) / 1000

    def read_from_daemon() -> float:
        millijoules = float(getattr(cpu.get_total_energy_consumption(), field))
        return millijoules / 1000 % range_j

    return read_from_daemon


def on_sysfs(folder: Path) -> bool:
    """Whether the kernel itself shows ``folder``: a tree of ordinary files is a simulation."""
    real = os.path.realpath(folder)
    mount_point = file_system = ""
    for line in _MOUNTS.read_text().splitlines():
        fields = line.split()
        point = fields[4]
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        # The deepest mount shows the folder, and of several at one point the last.
        if inside and len(point) >= len(mount_point):
            mount_point = point
            file_system = fields[fields.index("-") + 1]
    return file_system == "sysfs"
