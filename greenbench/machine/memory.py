"""The memory of this process (Linux): its resettable peak, and how much it may still take.

The peak counts this process alone: no children and no GPU memory. The kernel's ``ru_maxrss`` never
falls, so that a cell after a big one would inherit its peak: hence ``/proc/self/clear_refs`` and
``VmHWM`` (proc(5)).
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESS = Path("/proc/self")
_GROUPS = Path("/sys/fs/cgroup")


class _LimitFiles(NamedTuple):
    """Where a version of the kernel's control groups states limits of memory."""

    root: str
    limit: str
    used: str
    unused: str
    """The entry of ``memory.stat`` for file contents that nobody uses."""


_LIMITS = {
    "": _LimitFiles("", "memory.max", "memory.current", "inactive_file"),
    "memory": _LimitFiles(
        "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    ),
}
"""By the controllers that ``/proc/self/cgroup`` names: none in version 2."""
_RESET_PEAK = "5"


def reset_peak_memory() -> bool:
    """Start a new peak from the memory held now; False if the kernel does not allow it.

    Freed memory is returned to the system first: glibc keeps it otherwise, and the next peak would
    start from there. Where False is returned, the old peak stays.
    """
    # Another C library has no malloc_trim, and may not need it.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        (_PROCESS / "clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def peak_memory_bytes() -> int | None:
    """Return the highest resident memory since the last reset in bytes; None without ``/proc``."""
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("VmHWM:"):
            kibibytes = line.split()[1]
            return int(kibibytes) * 1024
    return None


def available_bytes() -> int:
    """Return how much memory this process may still take without swapping.

    The kernel's estimate for the machine, or what the control groups of the process leave, if less.
    """
    available = psutil.virtual_memory().available
    for group, files in _own_groups():
        left = _left_in(group, files)
        if left is not None:
            available = min(available, left)
    return max(available, 0)


def _own_groups() -> Iterator[tuple[Path, _LimitFiles]]:
    """Yield the folders of this process's control groups of memory, and of those above them."""
    try:
        lines = (_PROCESS / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        if controllers not in _LIMITS:
            continue
        files = _LIMITS[controllers]
        root = _GROUPS / files.root
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield folder, files


def _left_in(group: Path, files: _LimitFiles) -> int | None:
    """Return what a group's limit leaves; file contents that nobody uses count as free."""
    try:
        limit = (group / files.limit).read_text().strip()
        used = int((group / files.used).read_text())
        statistics = (group / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # a group without limits
        return None
    if not limit.isdecimal():  # "max"
        return None
    for line in statistics:
        name, _, number = line.partition(" ")
        if name == files.unused and number.isdecimal():
            used -= int(number)
    return int(limit) - used
