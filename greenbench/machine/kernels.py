"""The reference kernels on the processors without torch, and the memory that one works on.

One multiplies matrices and is bound by arithmetic, the other is STREAM's triad, ``a = b + 3 c``,
over arrays that no cache can hold (McCalpin, "Memory Bandwidth and Machine Balance in Current High
Performance Computers", IEEE TCCA Newsletter, 1995).
"""

from __future__ import annotations

import contextlib
import mmap
import time
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine import caches, memory

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP_S = 0.05
"""Clocks rise and libraries choose their kernels before anything counts."""
SIDE = 512
"""Rows of the matrices: large enough to be bound by arithmetic, small enough for many a second."""
ITEM = 4
"""Bytes of a number in single precision."""
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


def arithmetic() -> Callable[[float], int]:
    """Return a kernel of NumPy's matrix products, warmed up.

    Called, it multiplies for so many seconds and returns its floating-point operations: a product
    of two matrices with n rows takes 2 n^3.
    """
    import numpy as np

    random = np.random.default_rng(0)  # its own: no cell's random numbers move
    left = random.standard_normal((SIDE, SIDE), dtype=np.float32)
    right = random.standard_normal((SIDE, SIDE), dtype=np.float32)
    product = np.empty_like(left)

    def multiply(seconds: float) -> int:
        products = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            np.matmul(left, right, out=product)
            products += 1
        return products * 2 * SIDE**3

    multiply(WARM_UP_S)
    return multiply


def bandwidth() -> Callable[[float], int]:
    """Return a kernel of NumPy's triad, after one pass.

    Called, it runs for so many seconds and returns the bytes that it moved, as STREAM counts them:
    NumPy takes two steps of it, each of which reads and writes. Its memory is given back with it.
    Raises UnavailableError if too little memory is available.
    """
    import numpy as np

    cache = caches.last_level_bytes() or USUAL_CACHE
    items = working_set(cache, memory.available_bytes()) // (3 * ITEM)
    target, left, right = (np.frombuffer(pages(items * ITEM), np.float32) for _ in range(3))
    left.fill(1.0)
    right.fill(2.0)

    def triad(seconds: float) -> int:
        passes = 0
        end = time.perf_counter() + seconds
        while passes == 0 or time.perf_counter() < end:
            np.multiply(right, 3.0, out=target)
            np.add(left, target, out=target)
            passes += 1
        return passes * 5 * items * ITEM

    triad(0.0)
    return triad


def working_set(cache: int, available: int) -> int:
    """Return the bytes of the three arrays of a triad; raises UnavailableError if memory is short.

    ``cache`` is the size of the last-level caches, ``available`` that of the memory.
    """
    size = min(BEYOND * cache, MOST, int(SHARE * available))
    if size < LEAST_BEYOND * cache:
        raise UnavailableError(
            f"the memory kernel needs {LEAST_BEYOND} times the {cache / 2**20:.0f} MiB of "
            f"last-level cache, takes at most {MOST / 2**20:.0f} MiB and an eighth of what is "
            f"available, which is {available / 2**20:.0f} MiB"
        )
    return size


def pages(size: int) -> mmap.mmap:
    """Return memory that is the system's again as soon as nobody has it any more.

    Pages of 2 MiB, where the kernel has them, are there at once: 4 KiB ones take as long as the run
    itself.
    """
    mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without large pages
        mapped.madvise(mmap.MADV_HUGEPAGE)
    return mapped
