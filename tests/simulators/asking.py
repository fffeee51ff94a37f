"""How tests ask the simulated driver."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pynvml
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def handle() -> Any:
    """Return NVML's handle of the first card."""
    return pynvml.nvmlDeviceGetHandleByIndex(0)


def counted() -> float:
    """Return what the first card's counter shows, in joules."""
    return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle())) / 1000


def watts() -> float:
    """Return what the first card's sensor shows."""
    return float(pynvml.nvmlDeviceGetPowerUsage(handle())) / 1000


@contextmanager
def refused(code: int) -> Iterator[None]:
    """Expect NVML to answer with ``code``."""
    with pytest.raises(pynvml.NVMLError) as raised:
        yield
    assert raised.value.value == code
