"""Arrays as short texts for a results file: bits as hexadecimal digits, numbers as base64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from greenbench.stats.classification_scores import Array


def pack_bits(values: Array) -> str:
    """Return yes and no, or 1 and 0, as hexadecimal digits, the first value in the highest bit."""
    return np.packbits(values).tobytes().hex()


def unpack_bits(text: str, count: int) -> Array:
    """Return the first ``count`` bits of ``text``, as booleans."""
    packed = np.frombuffer(bytes.fromhex(text), np.uint8)
    bits: Array = np.unpackbits(packed)[:count].astype(bool)
    return bits


def pack(values: Array, dtype: str) -> str:
    """Return numbers as base64 of the given type, ``<f4`` for one."""
    return base64.b64encode(values.astype(dtype).tobytes()).decode("ascii")


def unpack(text: str, dtype: str) -> Array:
    """Return the numbers that ``pack`` has packed."""
    values: Array = np.frombuffer(base64.b64decode(text), dtype)
    return values
