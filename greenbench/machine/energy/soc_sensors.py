"""The sensors of systems on a chip, as Zeus finds them: Apple silicon and NVIDIA Jetson.

Apple's counters are read through Zeus. Of a Jetson Zeus finds the power rails; they are read and
integrated here, and not by its process, which would run an unguarded script once more and knows
no uncertainty. What the chip's GPU takes is a channel of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from greenbench.machine import integrated_gpus
from greenbench.machine.energy.integrated_power import IntegratedPower
from greenbench.machine.energy.rapl_sensors import on_sysfs
from greenbench.machine.energy.readings import Counter
from greenbench.machine.energy.sensors import Missing, Sensor, SensorGroup, read_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

APPLE = {"cpu": "cpu_total_mj", "dram": "dram_mj", "gpu": "gpu_mj"}
"""Channel to the field of Zeus's measurement. The neural engine belongs to no channel."""
RAILS = {"cpu": "cpu_power_mw", "gpu": "gpu_power_mw", "node": "total_power_mw"}
"""Channel to what Zeus calls the rail."""
WATTS = 1000.0
"""More than any of these chips draws."""
UPDATE_S = 0.1
"""Assumed of both: Apple's is measured, and a Jetson's power monitors are set by its firmware."""
COMMON_RAIL = (
    "this Jetson shows no GPU rail beside its CPU's: if they share one, CPU joules hold the GPU's"
)
NO_MEMORY = "a Jetson shows no power rail of its memory"


class AppleMonitor(Protocol):
    """The part of Zeus's class for Apple silicon that is used here."""

    def get_total_energy_consumption(self) -> object:
        """Return a measurement with millijoules since some moment, None where there are none."""


class Rail(Protocol):
    """One of a Jetson's power rails, as Zeus reads it."""

    def measure_power(self) -> float:
        """Return the power in milliwatts."""


def soc_sensors() -> SensorGroup:
    """Open what this chip has; on any other machine nothing, at once."""
    if integrated_gpus.is_apple():
        return _apple()
    if integrated_gpus.is_jetson():
        return _jetson()
    return SensorGroup()


def _apple() -> SensorGroup:
    from zeus.device.soc import apple

    if not apple.zeus_apple_available:
        reason = "Zeus reads Apple silicon through the package zeus-apple-silicon, which is missing"
        return _none(APPLE, Missing(reason, "pip install zeus-apple-silicon"))
    native: tuple[type[Exception], ...] = (RuntimeError,)
    errors = read_errors() + native
    try:
        monitor: AppleMonitor = apple.AppleSilicon()
        fields = vars(monitor.get_total_energy_consumption())
    except errors as error:
        return _none(APPLE, Missing(f"Apple's energy counters cannot be read: {error}"))
    sensors, missing = [], {}
    for channel, name in APPLE.items():
        if fields.get(name) is None:
            missing[channel] = Missing(f"this chip shows no {name}")
        else:
            sensors.append(_apple_sensor(channel, name, monitor))
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _apple_sensor(channel: str, name: str, monitor: AppleMonitor) -> Sensor:
    def read() -> float:
        try:
            millijoules = getattr(monitor.get_total_energy_consumption(), name)
        except RuntimeError as error:  # of the package's native code
            raise ValueError(f"Apple's {name} cannot be read: {error}") from error
        if millijoules is None:
            raise ValueError(f"Apple's {name} is not shown any more")
        return float(millijoules) / 1000

    counter = Counter(
        name=f"Apple energy counter {name}", max_watts=WATTS, update_s=UPDATE_S, step_j=0.001
    )
    return Sensor(channel=channel, source="zeus:apple-silicon", counter=counter, read=read)


def _jetson() -> SensorGroup:
    try:
        rails = _rails()
    except read_errors() as error:
        return _none(RAILS, Missing(f"this Jetson's power rails cannot be read: {error}"))
    sensors, missing = [], {"dram": Missing(NO_MEMORY)}
    for channel, name in RAILS.items():
        rail = rails.get(name)
        if rail is None:
            missing[channel] = Missing(f"this Jetson shows no power rail for {channel}")
            continue
        note = COMMON_RAIL if channel == "cpu" and "gpu_power_mw" not in rails else ""
        try:
            sensors.append(_jetson_sensor(channel, rail, note))
        except read_errors() as error:
            missing[channel] = Missing(f"this Jetson's rail for {channel} cannot be read: {error}")
    return SensorGroup(sensors=tuple(sensors), missing=missing)


def _rails() -> Mapping[str, Rail]:
    from zeus.device.soc.jetson import Jetson

    finder = object.__new__(Jetson)  # its constructor starts the process
    rails: Mapping[str, Rail] = finder._discover_available_metrics()
    return rails


def _jetson_sensor(channel: str, rail: Rail, note: str) -> Sensor:
    name = f"Jetson power rail for {channel}"
    origin = "zeus" if on_sysfs(_folder(rail)) else "simulated"
    power = IntegratedPower(_watts(rail), name)
    power.read()  # raises here, and not in the first window
    return Sensor(
        channel=channel,
        source=f"{origin}:jetson-rails",
        counter=Counter(name=name, max_watts=WATTS, update_s=UPDATE_S),
        read=power.read,
        integration=power.variance_j2,
        fixed_update=True,
        note=note,
    )


def _folder(rail: Rail) -> Path:
    """Return where the rail's files lie: of its watts, or of its volts and amperes."""
    path: Path = getattr(rail, "power_path", None) or getattr(rail, "voltage_path")  # noqa: B009
    return path.parent


def _watts(rail: Rail) -> Callable[[], float]:
    return lambda: rail.measure_power() / 1000


def _none(channels: Mapping[str, str], missing: Missing) -> SensorGroup:
    return SensorGroup(missing=dict.fromkeys(channels, missing))
