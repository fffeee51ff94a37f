"""``greenbench.measure``: seconds and joules of a block of any script or notebook."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.api.block import CodeBlock
from greenbench.api.process_meters import MeterScope
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def measure(
    name: str = "block",
    *,
    gpus: str = "auto",
    cpu_watts: float | None = None,
    sensors: Sequence[str] = (),
    rest_s: float = 0.0,
) -> CodeBlock:
    """Measure a block: ``with greenbench.measure("step") as m: ...``; then ``m.joules``, ``m``.

    ``gpus`` are those whose energy counts: ``auto`` (all visible NVIDIA GPUs that MIG does not
    partition), ``none``, ``all``, or UUIDs separated by commas. ``cpu_watts`` are the watts of a
    busy logical core, for the estimate where the CPU has no counter. ``sensors`` are wattmeters of
    your own, each ``MODULE:CLASS``. With ``rest_s`` the machine
    rests for so many seconds before the first block, once, and joules are stated net of idle too;
    5 are enough.

    Blocks may be nested, repeated, and run in threads and tasks. The first one opens the sensors,
    which takes up to some seconds; they are closed when the process ends. Raises UsageError or
    UnavailableError for what cannot be measured so.
    """
    return CodeBlock(name, scope_of(name, gpus, cpu_watts, sensors), duration_of(name, rest_s))


def scope_of(name: str, gpus: str, cpu_watts: float | None, sensors: Sequence[str]) -> MeterScope:
    """Return what the joules are about; raises UsageError for values that mean nothing."""
    if not isinstance(gpus, str):
        allowed = "give auto, none, all, or UUIDs separated by commas"
        raise UsageError(f"measure({name!r}): found gpus={gpus!r}; {allowed}")
    if cpu_watts is not None and not _is_positive(cpu_watts):
        allowed = "give the watts of a busy core, above 0, or leave it out"
        raise UsageError(f"measure({name!r}): found cpu_watts={cpu_watts!r}; {allowed}")
    if isinstance(sensors, str) or not all(isinstance(sensor, str) for sensor in sensors):
        allowed = "give a list of MODULE:CLASS texts, e.g. ['wattmeter:WallSocket']"
        raise UsageError(f"measure({name!r}): found sensors={sensors!r}; {allowed}")
    return MeterScope(gpus=gpus, cpu_watts=cpu_watts, sensors=tuple(sensors))


def duration_of(name: str, rest_s: float) -> float:
    """Return the seconds of rest; raises UsageError if they are no duration."""
    if rest_s == 0 or _is_positive(rest_s):
        return float(rest_s)
    raise UsageError(f"measure({name!r}): found rest_s={rest_s!r}; give seconds, 0 or more")


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > 0 and math.isfinite(value)
