"""The memory kernel: STREAM's triad, ``a = b + 3 c``, over arrays that no cache can hold.

McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers" (IEEE TCCA
Newsletter, 1995). It is the second reference kernel: a neighbour that takes memory bandwidth leaves
the arithmetic one, whose matrices lie in the caches, nearly as fast as it was.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from greenbench.machine import caches, memory
from greenbench.machine.kernels import USUAL_CACHE, pages, working_set

if TYPE_CHECKING:
    from collections.abc import Callable

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
    return working_set(cache, available)


def _array(items: int, device: torch.device, kind: str) -> torch.Tensor:
    """Return an array whose memory is the system's again as soon as nobody has it any more."""
    if kind == "cuda":
        return torch.empty(items, dtype=torch.float32, device=device)
    return torch.frombuffer(pages(items * ITEM), dtype=torch.float32)
