"""The energy counters of HPE Cray nodes: ``/sys/cray/pm_counters``, which every user may read.

``energy`` is that of the whole node, accelerators included; ``cpu_energy`` that of all its sockets
and ``memory_energy`` that of all its memory, where they exist. ``accel_energy`` is left out, as
nothing tells which card of the node is the cell's. All are scanned ten times a second, in whole
joules.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.machine.energy.rapl_sensors import on_sysfs
from greenbench.machine.energy.readings import Counter
from greenbench.machine.energy.sensors import Missing, Sensor, SensorGroup, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path("/sys/cray/pm_counters")
FILES = {"cpu": "cpu_energy", "dram": "memory_energy", "node": "energy"}
WATTS = {"cpu": 4000.0, "dram": 2000.0, "node": 20000.0}
"""More than all sockets, all memory, and a node with eight accelerators draw."""
UPDATE_S = 0.1
STEP_J = 1.0
AWAKE_S = 0.5
"""``freshness`` counts the scans, about ten a second: one that stands longer counts none."""


def cray_sensors() -> SensorGroup:
    """Open what this node has; on any other machine nothing, at once."""
    if not FOLDER.is_dir():
        return SensorGroup()
    names = [channel for channel, file in FILES.items() if (FOLDER / file).exists()]
    try:
        asleep = _standstill()
    except read_errors() as error:
        asleep = f"Cray's pm_counters cannot be read: {error}"
    if asleep:
        return SensorGroup(missing=dict.fromkeys(names, Missing(asleep)))
    sensors, missing = [], {}
    for channel in names:
        opened = _sensor(channel)
        if isinstance(opened, Missing):
            missing[channel] = opened
        else:
            sensors.append(opened)
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _standstill() -> str:
    """Return why the counters count nothing; an empty text if they are scanned."""
    first = _freshness()
    until = time.perf_counter() + AWAKE_S
    while time.perf_counter() < until:
        if _freshness() != first:
            return ""
        time.sleep(UPDATE_S / 10)
    return f"Cray's pm_counters are not updated: their freshness stands at {first}"


def _freshness() -> int:
    return int((FOLDER / "freshness").read_text().split()[0])


def _sensor(channel: str) -> Sensor | Missing:
    path = FOLDER / FILES[channel]
    read = _reader(path)
    try:
        joules = read()
    except read_errors() as error:
        return Missing(f"Cray's {path.name} cannot be read: {error}")
    if joules == 0:
        return Missing(f"Cray's {path.name} stands at 0: this node does not count it")
    counter = Counter(
        name=f"Cray pm_counter {path.name}",
        max_watts=WATTS[channel],
        update_s=UPDATE_S,
        step_j=STEP_J,
    )
    origin = "cray" if on_sysfs(FOLDER) else "simulated"
    return Sensor(channel=channel, source=f"{origin}:pm_counters", counter=counter, read=read)


def _reader(path: Path) -> Callable[[], float]:
    """Return what reads a file such as ``8631 J 1409599203123456 us``."""

    def read() -> float:
        text = path.read_text()
        value, unit, *_stamp = text.split() or ("", "")
        if unit != "J":
            raise ValueError(f"{path.name} holds {text.strip()!r}, and not joules")
        return float(value)

    return read
