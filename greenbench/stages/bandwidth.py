"""The memory kernel: STREAM's triad, ``a = b + 3 c``, over arrays that no cache can hold.

McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers" (IEEE TCCA
Newsletter, 1995). It is the second reference kernel: a neighbour that takes memory bandwidth leaves
the arithmetic one, whose matrices lie in the caches, nearly as fast as it was.
"""

from __future__ import annotations

import contextlib
import mmap
import time
from typing import TYPE_CHECKING

import torch

from greenbench.errors import UnavailableError
from greenbench.machine import caches, memory

if TYPE_CHECKING:
    from collections.abc import Callable

BEYOND = 4
"""Size of the three arrays together, as a multiple of the last-level caches."""
LEAST_BEYOND = 2
"""Where memory is short; below it the caches would serve too much."""
USUAL_CACHE = 32 * 2**20
"""Bytes of last-level cache where the kernel shows none."""
MOST = 2**30
"""Bytes of the three arrays at most: they are written anew before each run."""
SHARE = 1 / 8
"""Of the available memory, at most."""
AT_ONCE = {"cpu": 1, "cuda": 32}
"""Passes between two looks at the clock; a GPU is waited for after each batch of them."""
ITEM = torch.float32.itemsize


def kernel(device: torch.device) -> Callable[[float], int]:
    """Return the memory kernel, after one pass.

    Called, it runs for so many seconds and returns the bytes that it moved: in each pass two arrays
    are read and one is written, as STREAM counts. Its memory is given back with it. Raises
    UnavailableError if too little memory is available.
    """
    kind = device.type if device.type in AT_ONCE else "cpu"
    items = _working_set(device, kind) // (3 * ITEM)
    target, left, right = (_array(items, device, kind) for _ in range(3))
    left.fill_(1.0)
    right.fill_(2.0)

    def triad(seconds: float) -> int:
        passes = 0
        end = time.perf_counter() + seconds
        while passes == 0 or time.perf_counter() < end:
            for _ in range(AT_ONCE[kind]):
                torch.add(left, right, alpha=3.0, out=target)
            if kind == "cuda":
                torch.cuda.synchronize(device)
            passes += AT_ONCE[kind]
        return passes * 3 * items * ITEM

    triad(0.0)
    return triad


def _working_set(device: torch.device, kind: str) -> int:
    """Return the bytes of all three arrays."""
    if kind == "cuda":
        cache = torch.cuda.get_device_properties(device).L2_cache_size
        available, _ = torch.cuda.mem_get_info(device)
    else:
        cache = caches.last_level_bytes() or USUAL_CACHE
        available = memory.available_bytes()
    size = min(BEYOND * cache, MOST, int(SHARE * available))
    if size < LEAST_BEYOND * cache:
        raise UnavailableError(
            f"the memory kernel needs {LEAST_BEYOND} times the {cache / 2**20:.0f} MiB of "
            f"last-level cache, takes at most {MOST / 2**20:.0f} MiB and an eighth of what is "
            f"available, which is {available / 2**20:.0f} MiB"
        )
    return size


def _array(items: int, device: torch.device, kind: str) -> torch.Tensor:
    """Return an array whose memory is the system's again as soon as nobody has it any more.

    Pages of 2 MiB, where the kernel has them, are there at once: 4 KiB ones take as long as the run
    itself.
    """
    if kind == "cuda":
        return torch.empty(items, dtype=torch.float32, device=device)
    pages = mmap.mmap(-1, items * ITEM, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without large pages
        pages.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(pages, dtype=torch.float32)
