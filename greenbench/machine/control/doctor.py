"""What could be set on this machine, by whom, and what would grant it: the other half of ``doctor``. Sets nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.machine.control import cpu_files as processors
from greenbench.machine.control.context import GRANT_CPU, ZEUSD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpus import Gpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """One setting of one device."""

    setting: str
    device: str
    available: bool
    by: str = ""
    """Who sets it: ``root``, ``zeusd at ...``, ``this user``."""
    reason: str = ""
    """Why it cannot be set."""
    takes: str = ""
    """The values that the device takes."""
    remedy: str = ""


def abilities(gpus: Sequence[Gpu]) -> list[Ability]:
    """Return what can be set of ``gpus`` and of the processors."""
    return [*(a for gpu in gpus for a in _of_gpu(gpu)), *_of_processors()]


def _of_gpu(gpu: Gpu) -> list[Ability]:
    device = f"{gpu.name} ({gpu.uuid})"
    if gpu.mig or not gpu.default_power_limit_w:
        why = (
            "it is partitioned by MIG"
            if gpu.mig
            else "it tells no power limit (a laptop's, or a virtual GPU)"
        )
        return [Ability(setting="power limit", device=device, available=False, reason=why)]
    daemon = os.environ.get("ZEUSD_SOCK_PATH") or os.environ.get("ZEUSD_HOST_PORT")
    by = f"zeusd at {daemon}" if daemon else "root" if os.geteuid() == 0 else ""
    refused = (
        {}
        if by
        else {"reason": "root alone may", "remedy": f"run as root (CAP_SYS_ADMIN), or: {ZEUSD}"}
    )
    takes = (
        f"{gpu.min_power_limit_w:g} to {gpu.max_power_limit_w:g} W"
        if gpu.min_power_limit_w and gpu.max_power_limit_w
        else ""
    )
    limit = Ability(
        setting="power limit", device=device, available=bool(by), by=by, takes=takes, **refused
    )
    clocks = f"up to {gpu.max_sm_clock_mhz} MHz" if gpu.max_sm_clock_mhz else ""
    return [
        limit,
        Ability(
            setting="SM clock", device=device, available=bool(by), by=by, takes=clocks, **refused
        ),
    ]


def _of_processors() -> list[Ability]:
    zones, policies = processors.zones(), processors.policies()
    found = []
    if zones:
        reference = zones[0].reference_uw / 1e6
        found.append(_of_file(zones[0].limits[0][0], "power cap", f"of {reference:g} W"))
    else:
        found.append(
            Ability(
                setting="power cap",
                device="processors",
                available=False,
                reason="the kernel shows none (powercap)",
            )
        )
    if policies:
        first = policies[0]
        clocks = f"{first.min_khz // 1000} to {first.max_khz // 1000} MHz; governors {', '.join(first.governors)}"
        found.append(
            _of_file(str(first.folder / "scaling_max_freq"), "clocks and governor", clocks)
        )
    else:
        found.append(
            Ability(
                setting="clocks",
                device="processors",
                available=False,
                reason="the kernel shows none (cpufreq)",
            )
        )
    return found


def _of_file(path: str, setting: str, takes: str) -> Ability:
    if os.access(Path(path), os.W_OK):
        return Ability(
            setting=setting, device="processors", available=True, by="this user", takes=takes
        )
    why = f"{path} is not writable"
    return Ability(
        setting=setting,
        device="processors",
        available=False,
        reason=why,
        takes=takes,
        remedy=GRANT_CPU,
    )
