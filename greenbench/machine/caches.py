"""The last-level caches of the processors that this process may use, as the kernel lists them.

Read from ``/sys/devices/system/cpu/cpu*/cache`` (Documentation/ABI/testing/sysfs-devices-system-cpu
of the kernel). Containers and virtual machines may show none, or their host's.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple

CPUS = Path("/sys/devices/system/cpu")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


class Cache(NamedTuple):
    """One cache as a processor sees it."""

    level: int
    shared_by: str
    """The processors that share it, which tells two caches of one size apart."""
    bytes: int


@functools.cache
def last_level_bytes(cpus: Path = CPUS) -> int | None:
    """Return the size of all last-level caches that this process may use; None if none is shown."""
    caches = set()
    for number in os.sched_getaffinity(0):
        of_cpu = _caches(cpus / f"cpu{number}" / "cache")
        if of_cpu:
            caches.add(max(of_cpu))
    return sum(cache.bytes for cache in caches) or None


def _caches(folder: Path) -> list[Cache]:
    """Return the caches of one processor that hold data; what cannot be read is left out."""
    caches = []
    for index in folder.glob("index*"):
        try:
            kind, level, shared_by, size = (
                (index / name).read_text("ascii").strip()
                for name in ("type", "level", "shared_cpu_list", "size")
            )
            cache = Cache(int(level), shared_by, int(size[:-1]) * _UNITS[size[-1:]])
        except (OSError, ValueError, KeyError):
            continue
        if kind != "Instruction":
            caches.append(cache)
    return caches
