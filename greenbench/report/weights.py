"""Counts a model's parameters from the headers of its weights, without loading them."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def parameters(folder: Path) -> int | None:
    """Return the parameters of the safetensors files in ``folder``; None if they are unreadable."""
    try:
        total = sum(count_numbers(file) for file in folder.glob("*.safetensors"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return total or None


def count_numbers(file: Path) -> int:
    """Return how many numbers a safetensors file holds; raises ValueError if it is none.

    The file begins with the length of its header, eight bytes, little-endian; the header is JSON.
    """
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8).ljust(8, b"\xff"))
        if length > file.stat().st_size:
            raise ValueError(f"{file}: not a whole safetensors file")
        header = json.loads(stream.read(length))
    total = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            total += math.prod(tensor["shape"])
    return total
