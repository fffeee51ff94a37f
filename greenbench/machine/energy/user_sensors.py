"""Sensors of a user's own: a class with joules or watts of a wattmeter, named as MODULE:CLASS.

A class has ``channel``, ``name``, ``max_watts``, ``update_s``, and either ``joules()`` or
``watts()``; ``close()`` if something is to be closed. docs/measurement.md documents them. What they
read is followed and checked as every other counter.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeAlias

from greenbench.errors import UsageError
from greenbench.machine.energy.integrated_power import IntegratedPower
from greenbench.machine.energy.readings import Counter
from greenbench.machine.energy.sensors import Sensor, SensorGroup
from greenbench.types import ALL_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Reader: TypeAlias = Callable[[], float]
FORM = "write MODULE:CLASS, e.g. wattmeter:WallSocket"


def user_sensors(names: Sequence[str], root: Path | None, option: str) -> SensorGroup:
    """Open the sensors of the classes ``names``; several of one channel are added up.

    Modules are looked for in ``root`` too. Messages call them ``option``. Raises UsageError for
    what cannot be imported, lacks a member, or cannot be read.
    """
    sensors = []
    with ExitStack() as opened:
        for name in dict.fromkeys(names):
            instrument = _Instrument(f"{option} {name}", name, root)
            opened.callback(instrument.close)
            sensors.append(instrument.sensor())
        return SensorGroup(sensors=tuple(sensors), close=opened.pop_all().close)


def refuse_replacement(own: SensorGroup, others: Sequence[Sensor], option: str) -> None:
    """Raise UsageError if a sensor of the user's stands for a channel that is measured here."""
    sources = {sensor.channel: sensor.source for sensor in others}
    for sensor in own.sensors:
        source = sources.get(sensor.channel)
        if source is not None:
            name = sensor.source.removeprefix("user:")
            raise UsageError(
                f"{option} {name}: it stands for channel {sensor.channel}, which {source} measures "
                "here, and no sensor replaces another one; give it the channel node, or leave it "
                "out"
            )


class _Instrument:
    """An instance of a user's class, checked member by member."""

    def __init__(self, who: str, name: str, root: Path | None) -> None:
        """Make it; messages begin with ``who``."""
        self._who = who
        self._source = f"user:{name}"
        kind = _found(who, name, root)
        try:
            self._instance = kind()
        except Exception as error:
            problem = f"{who}: it cannot be made without arguments ({_words(error)})"
            raise UsageError(problem) from error

    def sensor(self) -> Sensor:
        """Return the sensor that reads it, once read."""
        self._check_members()
        channel = self._member("channel")
        if channel not in ALL_CHANNELS:
            raise UsageError(
                f"{self._who}: found channel {channel!r}; it is one of {', '.join(ALL_CHANNELS)}"
            )
        counter = Counter(
            name=f"sensor {self._member('name')}",
            max_watts=self._positive("max_watts"),
            update_s=self._positive("update_s"),
        )
        read = self._reader("joules" if self._has("joules") else "watts")
        integration = None
        if not self._has("joules"):
            power = IntegratedPower(read, counter.name)
            read, integration = power.read, power.variance_j2
        try:
            read()
        except ValueError as error:
            raise UsageError(f"{self._who}: it cannot be read ({error})") from error
        return Sensor(
            channel=str(channel),
            source=self._source,
            counter=counter,
            read=read,
            integration=integration,
            fixed_update=integration is not None,
        )

    def close(self) -> None:
        """Close the instance, if it can be closed."""
        close = getattr(self._instance, "close", None)
        if close is not None:
            close()

    def _check_members(self) -> None:
        missing = []
        for name in ("channel", "name", "max_watts", "update_s"):
            if not self._has(name):
                missing.append(name)
        if not self._has("joules") and not self._has("watts"):
            missing.append("joules() or watts()")
        if missing:
            needed = "channel, name, max_watts, update_s, and joules() or watts()"
            raise UsageError(f"{self._who}: it lacks {', '.join(missing)}; a sensor has {needed}")

    def _has(self, name: str) -> bool:
        return hasattr(self._instance, name)

    def _member(self, name: str) -> object:
        member: object = getattr(self._instance, name)
        return member

    def _positive(self, name: str) -> float:
        value = self._member(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(float(str(value))) and float(str(value)) > 0:
            return float(str(value))
        raise UsageError(f"{self._who}: found {name} {value!r}; it is a number above 0")

    def _reader(self, name: str) -> Reader:
        method = self._member(name)
        if not callable(method):
            raise UsageError(f"{self._who}: {name} is no method; it returns a number when called")

        def read() -> float:
            """Whatever the user's code raises costs the window its joules, and not the session."""
            try:
                value = float(method())
            except Exception as error:
                raise ValueError(f"{name}() of {self._source} raised {_words(error)}") from error
            if not math.isfinite(value):
                raise ValueError(f"{name}() of {self._source} returned {value}")
            return value

        return read


def _found(who: str, name: str, root: Path | None) -> Callable[[], object]:
    module_name, colon, class_name = name.partition(":")
    if not (colon and class_name.isidentifier() and module_name.replace(".", "a").isidentifier()):
        raise UsageError(f"{who}: found {name!r}; {FORM}")
    try:
        with _importable(root):
            module = importlib.import_module(module_name)
    except Exception as error:
        looked = f" (looked for in {root} too)" if root is not None else ""
        raise UsageError(
            f"{who}: module {module_name} cannot be imported{looked}: {_words(error)}"
        ) from error
    kind = getattr(module, class_name, None)
    if not callable(kind):
        raise UsageError(f"{who}: module {module_name} has no class {class_name}")
    made: Callable[[], object] = kind
    return made


@contextmanager
def _importable(root: Path | None) -> Iterator[None]:
    """Let modules beside the suite be found while the block runs."""
    if root is None:
        yield
        return
    entry = str(root)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        sys.path.remove(entry)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
