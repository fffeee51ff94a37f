"""What the kernel lets one set of the CPUs: power caps (powercap), clocks and governors (cpufreq).

Only reads. ``GREENBENCH_SYSFS`` names another tree than ``/sys``, for simulations.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Zone:
    """The power cap of one CPU package, in microwatts."""

    reference_uw: float
    """Its highest power if the kernel reports one, else its present long-term limit."""
    limits: tuple[tuple[str, float], ...]
    """File and present value of each of its limits, the long-term one first."""
    enabled: bool
    """Whether the kernel enforces the limits."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The clocks of CPUs that change together."""

    folder: Path
    min_khz: int
    max_khz: int
    governors: tuple[str, ...]


def root() -> Path:
    """Return the kernel's tree, or a simulated one."""
    return Path(os.environ.get("GREENBENCH_SYSFS") or "/sys")


def zones() -> tuple[Zone, ...]:
    """Return the power caps of all CPU packages."""
    package_zones = []
    for folder in sorted(root().glob("class/powercap/intel-rapl:*")):
        if not _text(folder / "name").startswith("package-"):
            continue
        zone = _zone(folder)
        if zone is not None:
            package_zones.append(zone)
    return tuple(package_zones)


def _zone(folder: Path) -> Zone | None:
    limits = []
    for file in sorted(folder.glob("constraint_*_power_limit_uw")):
        limits.append((str(file), _number(file)))
    if not limits:
        return None
    _, long_term_limit = limits[0]
    reference = _number(folder / "constraint_0_max_power_uw") or long_term_limit
    enabled = _text(folder / "enabled") != "0"
    return Zone(reference, tuple(limits), enabled)


def policies() -> tuple[Policy, ...]:
    """Return the clock policies, each once although every one of its CPUs links to it."""
    folders = set()
    for link in root().glob("devices/system/cpu/cpu[0-9]*/cpufreq"):
        folders.add(link.resolve())
    clock_policies = []
    for folder in sorted(folders):
        max_khz = int(_number(folder / "cpuinfo_max_freq"))
        if not max_khz:
            continue
        min_khz = int(_number(folder / "cpuinfo_min_freq"))
        governors = _text(folder / "scaling_available_governors").split()
        clock_policies.append(Policy(folder, min_khz, max_khz, tuple(governors)))
    return tuple(clock_policies)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


def _number(path: Path) -> float:
    return float(_text(path) or 0)
