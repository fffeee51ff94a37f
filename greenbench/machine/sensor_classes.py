"""Which classes of a user's own count joules; light, as options name them before any is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSensors:
    """Classes of a user's own sensors, as ``MODULE:CLASS``, and where modules are looked for."""

    names: tuple[str, ...] = ()
    root: Path | None = None
    option: str = "--green-sensor"
    """What messages call them."""


def check(own: UserSensors) -> None:
    """Open and read each once, and close it; raises UsageError if one cannot be."""
    if not own.names:
        return
    from greenbench.machine.energy.user_sensors import user_sensors

    user_sensors(own.names, own.root, own.option).close()
