"""The reference kernel: products of square FP32 matrices, for about a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP_S = 0.05
"""Clocks rise and libraries choose their kernels before anything counts."""
SIDE = {"cpu": 512, "cuda": 4096}
"""Rows of the matrices: large enough to be bound by arithmetic, small enough for many a second."""
AT_ONCE = {"cpu": 1, "cuda": 8}
"""Products between two looks at the clock; a GPU is waited for after each batch of them."""


def kernel(device: torch.device) -> Callable[[float], int]:
    """Return the reference kernel, warmed up.

    Called, it multiplies for so many seconds and returns its floating-point operations: a product
    of two matrices with n rows takes 2 n^3.
    """
    kind = device.type if device.type in SIDE else "cpu"
    side = SIDE[kind]
    generator = torch.Generator().manual_seed(0)  # its own: no cell's random numbers move
    left = torch.randn(side, side, generator=generator).to(device)
    right = torch.randn(side, side, generator=generator).to(device)
    product = torch.empty_like(left)

    def multiply(seconds: float) -> int:
        products = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for _ in range(AT_ONCE[kind]):
                torch.mm(left, right, out=product)
            if kind == "cuda":
                torch.cuda.synchronize(device)
            products += AT_ONCE[kind]
        return products * 2 * side**3

    multiply(WARM_UP_S)
    return multiply
