"""The power meters of NVIDIA Grace, which the kernel shows as hwmon devices.

Each names what it measures: ``CPU Power Socket 0`` the rail of the cores, ``SysIO Power Socket 0``
that of the rest of the chip, ``Grace Power Socket 0`` the socket with its memory, and ``Module
Power Socket 0`` the superchip with its GPU. The first two together are what a package is elsewhere;
the module's, or without them the sockets', are the whole. They show watts, averaged over an
interval, and are integrated here. Memory has no meter of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from greenbench.machine.energy.integrated_power import IntegratedPower
from greenbench.machine.energy.rapl_sensors import on_sysfs
from greenbench.machine.energy.readings import PACKAGE_WATTS, Counter
from greenbench.machine.energy.sensors import Missing, Sensor, SensorGroup, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FOLDER = Path("/sys/class/hwmon")
LABEL = re.compile(r"(Module|Grace|CPU|SysIO) Power Socket (\d+)")
INTERVAL_S = 1.0
"""Assumed where the kernel does not show over how long watts are averaged."""
MODULE_WATTS = 3000.0
"""More than any superchip draws."""
NO_MEMORY = "Grace's memory has no power meter of its own"
CORES_ALONE = "without the SysIO meter, CPU joules are those of the cores' rail alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class RailMeter:
    """One power meter and what it measures."""

    rail: str
    socket: int
    path: Path
    """Of its file of watts."""


Rails: TypeAlias = "Mapping[str, Mapping[int, RailMeter]]"
"""The meters by rail, then socket."""


def grace_sensors() -> SensorGroup:
    """Open the meters of all sockets; on any other machine nothing, at once."""
    rails: dict[str, dict[int, RailMeter]] = defaultdict(dict)
    for meter in _meters():
        rails[meter.rail][meter.socket] = meter
    if not rails:
        return SensorGroup()
    sockets = {socket for meters in rails.values() for socket in meters}
    sensors: list[Sensor] = []
    missing = {"dram": Missing(NO_MEMORY)}
    for channel, names in (("cpu", _cpu_rails(rails)), ("node", _whole_rails(rails))):
        try:
            sensors += _opened(channel, names, rails, sockets)
        except read_errors() as error:
            missing[channel] = Missing(f"Grace's power meters cannot be read: {error}")
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _cpu_rails(rails: Rails) -> tuple[str, ...]:
    return ("CPU", "SysIO") if "SysIO" in rails else ("CPU",)


def _whole_rails(rails: Rails) -> tuple[str, ...]:
    return ("Module",) if "Module" in rails else ("Grace",)


def _meters() -> Iterator[RailMeter]:
    """Yield the power meters of Grace; drivers differ in where they put their files."""
    for place in ("*/power*_average", "*/device/power*_average"):
        for path in sorted(FOLDER.glob(place)):
            match = LABEL.search(_label(path))
            if match is not None:
                yield RailMeter(rail=match[1], socket=int(match[2]), path=path)


def _label(path: Path) -> str:
    """Return what a meter says that it measures; an empty text if it says nothing."""
    prefix = path.name.removesuffix("average")
    for suffix in ("oem_info", "label"):
        try:
            return path.with_name(prefix + suffix).read_text().strip()
        except OSError:  # not a file of this driver
            continue
    return ""


def _opened(channel: str, names: tuple[str, ...], rails: Rails, sockets: set[int]) -> list[Sensor]:
    """Open all meters of a channel.

    Raises one of ``read_errors`` if a socket lacks one: the others would look like all.
    """
    sensors = []
    for name in names:
        for socket in sorted(sockets):
            meter = rails.get(name, {}).get(socket)
            if meter is None:
                raise ValueError(f"socket {socket} has no meter '{name} Power'")
            sensors.append(_sensor(channel, meter, names))
    return sensors


def _sensor(channel: str, meter: RailMeter, names: tuple[str, ...]) -> Sensor:
    name = f"power meter '{meter.rail} Power Socket {meter.socket}'"
    power = IntegratedPower(_reader(meter.path), name)
    power.read()  # raises here, and not in the first window
    watts = PACKAGE_WATTS if channel == "cpu" else MODULE_WATTS
    counter = Counter(name=name, max_watts=watts, update_s=_interval_s(meter.path))
    origin = "hwmon" if on_sysfs(meter.path.parent) else "simulated"
    return Sensor(
        channel=channel,
        source=f"{origin}:grace-{'-'.join(names).lower()}",
        counter=counter,
        read=power.read,
        integration=power.variance_j2,
        fixed_update=True,
        note=CORES_ALONE if names == ("CPU",) else "",
    )


def _reader(path: Path) -> Callable[[], float]:
    return lambda: int(path.read_text()) / 1e6


def _interval_s(path: Path) -> float:
    """Return over how long watts are averaged, which the kernel shows in milliseconds."""
    try:
        milliseconds = int(path.with_name(f"{path.name}_interval").read_text())
    except (OSError, ValueError):
        return INTERVAL_S
    return milliseconds / 1000 if milliseconds > 0 else INTERVAL_S
