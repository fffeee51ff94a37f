"""Calls to NVML whose answer may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")


def query(call: Callable[..., Answer], *arguments: object) -> Answer | None:
    """Return what an NVML call answers, or None: an older or a lost card answers fewer calls."""
    try:
        return call(*arguments)
    except pynvml.NVMLError:
        return None


def watts(milliwatts: int | None) -> float | None:
    """Convert NVML's milliwatts; None stays None."""
    if milliwatts is None:
        return None
    return milliwatts / 1000
