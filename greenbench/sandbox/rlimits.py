"""The kernel's limits for each process of a program (``setrlimit``)."""

from __future__ import annotations

import math
import os
import re
import resource
from typing import TYPE_CHECKING

from greenbench.sandbox.processes import tasks_of

if TYPE_CHECKING:
    from greenbench.sandbox.records import Backend, Limits

_COUNTS_BY_NAMESPACE = (5, 14)
"""The first kernel that counts a user's processes for each user namespace alone."""
_SUPERVISOR_AND_WARDEN = 2


def rlimits(limits: Limits, counted_processes: int) -> dict[str, tuple[int, int, int]]:
    """Return each resource by prlimit's name: its number, soft and hard limit.

    None is above this process's own. ``counted_processes`` are those that the kernel counts beside
    the program's.
    """
    seconds = math.ceil(limits.cpu_seconds)
    processes = limits.processes + counted_processes
    values = {
        "core": (resource.RLIMIT_CORE, 0, 0),
        # SIGXCPU, and a second later SIGKILL for a program that ignores it
        "cpu": (resource.RLIMIT_CPU, seconds, seconds + 1),
        "nproc": (resource.RLIMIT_NPROC, processes, processes),
        "fsize": (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        "nofile": (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
    }
    if limits.memory_bytes is not None:
        values["as"] = (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)
    allowed = {}
    for name, (number, soft, hard) in values.items():
        allowed[name] = (number, _at_most(number, soft), _at_most(number, hard))
    return allowed


def _at_most(number: int, value: int) -> int:
    """Return ``value``, or what this process may have itself if that is less."""
    _, ceiling = resource.getrlimit(number)
    return value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)


def counted_processes(backend: Backend, *, in_worker: bool = False) -> int:
    """Return how many processes and threads RLIMIT_NPROC counts beside the program's.

    They are the wrappers, and in a worker its supervisor and warden, or all of the user's.
    """
    if backend.own_uid:
        return 0
    workers_own = _SUPERVISOR_AND_WARDEN if in_worker else 0
    if not backend.isolates or _kernel_version() < _COUNTS_BY_NAMESPACE:
        return workers_own + tasks_of(os.getuid())
    first_process_and_unshare = 2
    wrappers = 1 if backend.kind == "bubblewrap" else first_process_and_unshare
    return workers_own + wrappers


def _kernel_version() -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
