"""What a sensor is: one energy counter, the channel it counts for, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenbench.machine.energy.readings import Counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One counter: which channel it counts for, how it is read, and what is known of it."""

    channel: str
    source: str
    counter: Counter
    read: Callable[[], float]
    """Returns the joules since some moment in the past."""
    power: Callable[[], float] | None = None
    """Returns the watts at this moment from another sensor of the same device, if it has one."""
    integration: Callable[[], float] | None = None
    """Returns the variance in joules squared that ``read`` has gathered so far, where it integrates
    watts; None if the device counts joules itself."""
    uuid: str = ""
    """Of a GPU."""
    fixed_update: bool = False
    """Whether the counter moves with each reading, so that watching it would teach nothing."""
    calibrated: bool = False
    """Whether the update period was measured; otherwise it is the documented one."""
    note: str = ""
    """What a person should know of how it is read; empty if it is read as configured."""


def nothing() -> None:
    """Close nothing."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a channel has no counter, and the command that would grant it, if there is one."""

    reason: str
    remedy: str = ""
    forbidden: bool = False
    """Whether only a permission is missing."""

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.reason}: {self.remedy}" if self.remedy else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorGroup:
    """The sensors of one kind of device, and by channel why it has none."""

    sensors: tuple[Sensor, ...] = ()
    missing: Mapping[str, Missing] = field(default_factory=dict)
    close: Callable[[], None] = nothing


def read_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that reading a counter may raise.

    They are NVML's, Zeus's and zeusd's errors, a vanished file, and an empty answer.
    """
    import httpx
    import pynvml
    from zeus.exception import ZeusBaseError

    return (ZeusBaseError, pynvml.NVMLError, httpx.HTTPError, OSError, ValueError, KeyError)
