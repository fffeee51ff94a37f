"""Why RAPL counts nothing here, and the command that changes it, if there is one."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.machine.energy.sensors import Missing
from greenbench.machine.environment import container, virtual_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_RAPL = "this machine shows no RAPL counters"
NO_PERMISSION = "RAPL may not be read by this user"
NO_DRAM = "RAPL shows no DRAM zone for every CPU package here"
GRANT_RAPL = (
    "sudo chmod -R a+r /sys/devices/virtual/powercap/intel-rapl; after each boot too: "
    """echo 'SUBSYSTEM=="powercap", """
    """RUN+="/bin/chmod -R a+r /sys/devices/virtual/powercap/intel-rapl"' """
    "| sudo tee /etc/udev/rules.d/70-rapl.rules"
)
"""What lets a user read RAPL, whose counters only root may read since CVE-2020-8694."""
MOUNT = "start it with -v /sys/class/powercap/intel-rapl:/zeus_sys/class/powercap/intel-rapl"
LOAD_RAPL = "sudo modprobe intel_rapl_msr"


def no_folder(folder: str) -> Missing:
    """Say why the kernel's ``folder`` of RAPL zones does not exist."""
    if Path(folder).is_symlink():
        # The link belongs to /sys/class, and what it leads to is masked.
        return Missing(f"{NO_RAPL}: a container hides what {folder} leads to", MOUNT)
    hypervisor = virtual_machine()
    if hypervisor is not None:
        return Missing(f"{NO_RAPL}: it is a virtual machine ({hypervisor}), and most have none")
    machine = platform.machine()
    if machine not in {"x86_64", "AMD64", "i686"}:
        return Missing(f"{NO_RAPL}: processors of type {machine} have none")
    kind = container()
    if kind is not None:
        return Missing(f"{NO_RAPL}: a container ({kind}) may hide them", MOUNT)
    return Missing(f"{NO_RAPL}: the kernel's module is not loaded", LOAD_RAPL)


def no_package(folder: str) -> Missing:
    """Say why ``folder`` exists and is empty."""
    return Missing(f"{folder} holds no package zone: a container hides them", MOUNT)


def unreadable(errors: Sequence[tuple[str, Exception]], readable: Sequence[str]) -> Missing:
    """Say which zones cannot be read, and that the ``readable`` ones are not all."""
    names = ", ".join(name for name, _ in errors)
    alone = ""
    if readable:
        alone = f"; {', '.join(readable)} alone would not be all of the channel"
    if all(_is_permission(error) for _, error in errors):
        which = f" ({names}{alone})" if readable else ""
        return Missing(f"{NO_PERMISSION}{which}", GRANT_RAPL, forbidden=True)
    first = errors[0][1]
    return Missing(f"RAPL cannot be read: {names}: {first}{alone}")


def dead(names: Sequence[str]) -> Missing:
    """Say that counters exist and count nothing."""
    cause = "virtual machines show such counters"
    return Missing(f"the RAPL counter of {', '.join(names)} stands at 0 ({cause})")


def _is_permission(error: Exception) -> bool:
    from zeus.device.cpu.common import ZeusCPUNoPermissionError

    return isinstance(error, PermissionError | ZeusCPUNoPermissionError)
