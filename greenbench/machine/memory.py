"""The peak resident memory of this process (Linux), which can be reset between cells.

Counts this process alone: no children and no GPU memory. The kernel's ``ru_maxrss`` never falls, so
that a cell after a big one would inherit its peak: hence ``/proc/self/clear_refs`` and ``VmHWM``
(proc(5)).
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

_PROCESS = Path("/proc/self")
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
