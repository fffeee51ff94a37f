"""What can be set on this machine, by whom, and what would grant it, for ``greenbench doctor``.

Sets nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.machine.control import cpu_files
from greenbench.machine.control.context import GRANT_CPU, ZEUSD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpu_records import Gpu

CPUS = "CPUs"
NO_POWER_LIMIT = "it reports no power limit (a laptop's, or a virtual GPU)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One setting of one device."""

    setting: str
    device: str
    available: bool
    by: str = ""
    """Who sets it: ``root``, ``zeusd at ...``, ``this user``."""
    reason: str = ""
    """Why it cannot be set."""
    takes: str = ""
    """The values that the device accepts."""
    remedy: str = ""
    """The command that would grant it."""


def capabilities(gpus: Sequence[Gpu]) -> list[Capability]:
    """Return what can be set on ``gpus`` and on the CPUs."""
    settings = []
    for gpu in gpus:
        settings += _of_gpu(gpu)
    settings.append(_cpu_power())
    settings.append(_cpu_clocks())
    return settings


def _of_gpu(gpu: Gpu) -> list[Capability]:
    if gpu.mig:
        return [_gpu_power_missing(gpu, "it is partitioned by MIG")]
    if not gpu.default_power_limit_w:
        return [_gpu_power_missing(gpu, NO_POWER_LIMIT)]
    watts = megahertz = ""
    if gpu.min_power_limit_w and gpu.max_power_limit_w:
        watts = f"{gpu.min_power_limit_w:g} to {gpu.max_power_limit_w:g} W"
    if gpu.max_sm_clock_mhz:
        megahertz = f"up to {gpu.max_sm_clock_mhz} MHz"
    return [_of_gpu_setting(gpu, "power limit", watts), _of_gpu_setting(gpu, "SM clock", megahertz)]


def _gpu_power_missing(gpu: Gpu, reason: str) -> Capability:
    device = f"{gpu.name} ({gpu.uuid})"
    return Capability(setting="power limit", device=device, available=False, reason=reason)


def _of_gpu_setting(gpu: Gpu, setting: str, takes: str) -> Capability:
    device = f"{gpu.name} ({gpu.uuid})"
    privileged = _privileged()
    if privileged:
        return Capability(
            setting=setting, device=device, available=True, by=privileged, takes=takes
        )
    return Capability(
        setting=setting,
        device=device,
        available=False,
        reason="only root may set it",
        takes=takes,
        remedy=f"run as root (CAP_SYS_ADMIN), or: {ZEUSD}",
    )


def _privileged() -> str:
    """Return who may set GPUs on behalf of this user; empty if nobody may."""
    daemon = os.environ.get("ZEUSD_SOCK_PATH") or os.environ.get("ZEUSD_HOST_PORT")
    if daemon:
        return f"zeusd at {daemon}"
    return "root" if os.geteuid() == 0 else ""


def _cpu_power() -> Capability:
    setting = "power cap"
    zones = cpu_files.zones()
    if not zones:
        reason = "the kernel shows none (powercap)"
        return Capability(setting=setting, device=CPUS, available=False, reason=reason)
    path, _ = zones[0].limits[0]
    return _of_file(path, setting, f"of {zones[0].reference_uw / 1e6:g} W")


def _cpu_clocks() -> Capability:
    policies = cpu_files.policies()
    if not policies:
        reason = "the kernel shows none (cpufreq)"
        return Capability(setting="clocks", device=CPUS, available=False, reason=reason)
    policy = policies[0]
    low, high = policy.min_khz // 1000, policy.max_khz // 1000
    takes = f"{low} to {high} MHz; governors {', '.join(policy.governors)}"
    return _of_file(str(policy.folder / "scaling_max_freq"), "clocks and governor", takes)


def _of_file(path: str, setting: str, takes: str) -> Capability:
    """Return whether this user can write one of the kernel's files."""
    if os.access(path, os.W_OK):
        return Capability(setting=setting, device=CPUS, available=True, by="this user", takes=takes)
    return Capability(
        setting=setting,
        device=CPUS,
        available=False,
        reason=f"{path} is not writable",
        takes=takes,
        remedy=GRANT_CPU,
    )
