"""The energy counters of CPU packages and their memory (RAPL), as Zeus finds them.

Counts package zones alone: ``psys`` includes the packages already. Each zone is opened by itself,
so that one which cannot be read does not take the others along. Zeus's own reading takes three
times as long and counts wraps in processes that miss some and outlive a killed run; so greenbench
reads the file that Zeus found, and ``track`` follows the counter. What zeusd reads, Zeus fetches.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench.machine.energy import rapl_absence
from greenbench.machine.energy.mirrors import without_mirrors
from greenbench.machine.energy.readings import DRAM_WATTS, PACKAGE_WATTS, RAPL_UPDATE_S, Counter
from greenbench.machine.energy.sensors import Missing, Sensor, SensorGroup, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FOLDERS = (
    Path("/sys/class/powercap/intel-rapl"),
    Path("/zeus_sys/class/powercap/intel-rapl"),  # where a container has it
)
"""Where Zeus looks for RAPL. It takes 0.2 s to import, which is waste where there is neither."""
_MOUNTS = Path("/proc/self/mountinfo")
AWAKE_S = 0.1
"""A counter that shows 0 for longer counts nothing: RAPL is updated every millisecond."""

SAFETY = 3.0
"""A package draws less than this many times its design power, at any moment.

Short-term limits are 1.2 (servers) to 2.5 times (desktops) of it; laptops' higher ones are set as
limits, and count as such.
"""


class ZeusdClient(Protocol):
    """The part of Zeus's client of its daemon that is used here."""

    cpu_ids: Sequence[int]
    dram_available: Sequence[bool]


@dataclass(frozen=True, slots=True)
class _Daemon:
    """zeusd, if the environment names one: its client, or why it does not answer."""

    client: ZeusdClient | None = None
    silence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Zone:
    """One zone of a channel: its sensor, or why it cannot be read."""

    channel: str
    name: str
    sensor: Sensor | None = None
    error: Exception | None = None


def rapl_sensors() -> SensorGroup:
    """Open the package zones and their memory; a channel counts if all packages show it."""
    root = _folder()
    if root is None:
        return _none(rapl_absence.no_folder(str(FOLDERS[0])))
    daemon = _daemon()
    packages, memories = [], []
    for folder in _numbered(root):
        try:
            name = (folder / "name").read_text().strip()
        except OSError as error:  # it may be a package, and the others would look complete
            packages.append(_Zone(channel="cpu", name=folder.name, error=error))
            continue
        if name.startswith("package-"):
            packages.append(_package(folder, name, daemon))
            memories.extend(_memory(folder, name, daemon))
    if not packages:
        return _none(rapl_absence.no_package(str(root)))
    cpu, dram = _counted(packages), _counted(memories)
    if not memories and isinstance(cpu, Missing):
        dram = cpu
    elif not isinstance(dram, Missing) and len(dram) != _expected(cpu, packages):
        dram = Missing(rapl_absence.NO_DRAM)
    missing = {}
    sensors: list[Sensor] = []
    for channel, counted in (("cpu", cpu), ("dram", dram)):
        if isinstance(counted, Missing):
            missing[channel] = counted
        else:
            sensors.extend(counted)
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _folder() -> Path | None:
    for folder in FOLDERS:
        if folder.exists():
            return folder
    return None


def _none(missing: Missing) -> SensorGroup:
    return SensorGroup(missing={"cpu": missing, "dram": missing})


def _numbered(root: Path) -> list[Path]:
    """Return the folders of packages, platform and the like, in the order of their numbers."""
    folders = []
    for folder in root.glob("intel-rapl:*"):
        number = folder.name.split(":")[1]
        if number.isdigit():
            folders.append((int(number), folder))
    return [folder for _, folder in sorted(folders)]


def _daemon() -> _Daemon:
    from zeus.utils.zeusd import ZeusdClient as Client
    from zeus.utils.zeusd import ZeusdConfig

    config = ZeusdConfig.from_env()
    if config is None:
        return _Daemon()
    try:
        return _Daemon(client=Client(config))
    except read_errors() as error:
        return _Daemon(silence=f"zeusd does not answer, and RAPL is read without it ({error})")


def _package(folder: Path, name: str, daemon: _Daemon) -> _Zone:
    return _zone("cpu", folder, folder, name, daemon)


def _memory(package: Path, name: str, daemon: _Daemon) -> list[_Zone]:
    """Return the memory of a package, if it shows any."""
    for file in sorted(package.glob("intel-rapl:*/name")):
        try:
            is_memory = file.read_text().strip() == "dram"
        except OSError:  # some other part of the package: all that is counted has a name
            continue
        if is_memory:
            return [_zone("dram", package, file.parent, f"DRAM of {name}", daemon)]
    return []


def _zone(channel: str, package: Path, folder: Path, name: str, daemon: _Daemon) -> _Zone:
    try:
        range_j = _range_j(folder)
        if daemon.client is None:
            read = _file_reader(folder)
        else:
            read = _daemon_reader(daemon.client, package, channel, range_j)
        read()  # raises here, and not in the first window
    except read_errors() as error:
        return _Zone(channel=channel, name=name, error=error)
    watts = _most_watts(folder, PACKAGE_WATTS if channel == "cpu" else DRAM_WATTS)
    counter = Counter(
        name=f"RAPL counter of {name}",
        max_watts=watts,
        update_s=RAPL_UPDATE_S,
        wraps_at_j=range_j,
    )
    source = "zeus:rapl" if on_sysfs(folder) else "simulated:rapl"
    sensor = Sensor(channel=channel, source=source, counter=counter, read=read, note=daemon.silence)
    return _Zone(channel=channel, name=name, sensor=sensor)


def _most_watts(folder: Path, most: float) -> float:
    """Return watts that the zone never exceeds: ``SAFETY`` times what it is made for, or ``most``.

    The kernel shows the highest power that a limit may be set to, which for the long term is the
    thermal design power (Documentation/power/powercap/powercap.rst); 0 or no file is unknown. A
    limit that is set higher than that counts instead.
    """
    nominal = _positive_watts(folder, "constraint_*_max_power_uw")
    if not nominal:
        return most
    limits = _positive_watts(folder, "constraint_*_power_limit_uw")
    return min(most, SAFETY * max([*nominal, *limits]))


def _positive_watts(folder: Path, pattern: str) -> list[float]:
    watts = []
    for file in folder.glob(pattern):
        try:
            microwatts = int(file.read_text())
        except (OSError, ValueError):  # an optional file: what it would say is unknown
            continue
        if microwatts > 0:
            watts.append(microwatts / 1e6)
    return watts


def _range_j(folder: Path) -> float:
    """Return a zone's range in joules; raises ValueError if it has none."""
    range_j = float((folder / "max_energy_range_uj").read_text()) / 1e6
    if range_j <= 0:
        raise ValueError(f"{folder.name} states a range of {range_j:g} J")
    return range_j


def _file_reader(folder: Path) -> Callable[[], float]:
    """Return what reads a zone's joules from the file that Zeus finds for it.

    It is opened anew each time: one that was replaced or taken away shows it.
    """
    from zeus.device.cpu.rapl import RAPLFile

    path = RAPLFile(str(folder)).energy_uj_path

    def read() -> float:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return int(os.read(descriptor, 32)) / 1e6
        finally:
            os.close(descriptor)

    return read


def _daemon_reader(
    client: ZeusdClient, package: Path, channel: str, range_j: float
) -> Callable[[], float]:
    """Return what fetches a zone's joules from zeusd.

    zeusd counts wraps itself, some time after they happened: without its ranges the track sees them
    when they happen.
    """
    from zeus.device.cpu.rapl import ZeusdRAPLCPU

    cpu = ZeusdRAPLCPU(int(package.name.split(":")[1]), client)
    field = "cpu_mj" if channel == "cpu" else "dram_mj"

    def read() -> float:
        millijoules = getattr(cpu.get_total_energy_consumption(), field)
        if millijoules is None:
            raise ValueError(f"zeusd shows no {channel} energy of {package.name}")
        return float(millijoules) / 1000 % range_j

    return read


def _counted(zones: Sequence[_Zone]) -> list[Sensor] | Missing:
    """Return the sensors of a channel's zones, each counter once; or why it cannot be counted."""
    errors = [(zone.name, zone.error) for zone in zones if zone.error is not None]
    sensors = {zone.name: zone.sensor for zone in zones if zone.sensor is not None}
    if errors:
        return rapl_absence.unreadable(errors, list(sensors))
    try:
        idle = _dead(sensors)
        if idle:
            return rapl_absence.dead(idle)
        return without_mirrors(list(sensors.values()))
    except read_errors() as error:  # it could be read a moment ago
        return Missing(f"RAPL cannot be read: {error}")


def _dead(sensors: Mapping[str, Sensor]) -> list[str]:
    """Return the names of counters that stand at 0."""
    still = [name for name, sensor in sensors.items() if sensor.read() == 0]
    if still:
        time.sleep(AWAKE_S)
    return [name for name in still if sensors[name].read() == 0]


def _expected(cpu: list[Sensor] | Missing, packages: Sequence[_Zone]) -> int:
    """Return how many memories there are if every package shows its own."""
    return len(packages) if isinstance(cpu, Missing) else len(cpu)


def on_sysfs(folder: Path) -> bool:
    """Whether the kernel itself shows ``folder``: a tree of ordinary files is a simulation."""
    real = os.path.realpath(folder)
    mount_point = file_system = ""
    for line in _MOUNTS.read_text("utf-8", "surrogateescape").splitlines():
        fields = line.split()
        point = fields[4]
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        # The deepest mount shows the folder, and of several at one point the last.
        if inside and len(point) >= len(mount_point):
            mount_point = point
            file_system = fields[fields.index("-") + 1]
    return file_system == "sysfs"
