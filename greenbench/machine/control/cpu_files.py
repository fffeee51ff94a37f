"""What the kernel lets one set of the processors: power caps (powercap) and clocks and governors (cpufreq). Only looks.

``GREENBENCH_SYSFS`` names another tree than ``/sys``, for simulations.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Zone:
    """A package's power cap."""

    reference_uw: float
    """Its highest power where the kernel tells one, else the limit that it has."""
    limits: tuple[tuple[str, float], ...]
    """File and present value of each of its limits, the long-term one first."""
    enabled: bool
    """Whether the kernel holds it to them."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The clocks of processors that change together."""

    folder: Path
    min_khz: int
    max_khz: int
    governors: tuple[str, ...]


def root() -> Path:
    """Return the kernel's tree, or a simulated one."""
    return Path(os.environ.get("GREENBENCH_SYSFS") or "/sys")


def zones() -> tuple[Zone, ...]:
    """Return the packages whose power can be capped."""
    folders = sorted(root().glob("class/powercap/intel-rapl:*"))
    return tuple(
        z
        for f in folders
        if _text(f / "name").startswith("package-") and (z := _zone(f)) is not None
    )


def _zone(folder: Path) -> Zone | None:
    files = sorted(folder.glob("constraint_*_power_limit_uw"))
    limits = tuple((str(f), _number(f)) for f in files)
    if not limits:
        return None
    reference = _number(folder / "constraint_0_max_power_uw") or limits[0][1]
    return Zone(reference_uw=reference, limits=limits, enabled=_text(folder / "enabled") != "0")


def policies() -> tuple[Policy, ...]:
    """Return the processors' clocks, each policy once although every one of its processors shows it."""
    folders = {f.resolve() for f in root().glob("devices/system/cpu/cpu[0-9]*/cpufreq")}
    return tuple(
        Policy(
            folder=folder,
            min_khz=int(_number(folder / "cpuinfo_min_freq")),
            max_khz=int(_number(folder / "cpuinfo_max_freq")),
            governors=tuple(_text(folder / "scaling_available_governors").split()),
        )
        for folder in sorted(folders)
        if _number(folder / "cpuinfo_max_freq")
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


def _number(path: Path) -> float:
    return float(_text(path) or 0)
