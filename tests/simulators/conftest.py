"""What the simulators' own tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml
import pytest

if TYPE_CHECKING:
    from tests.simulators.nvml import SimulatedGpu, SimulatedNvml


@pytest.fixture
def gpu(nvml: SimulatedNvml) -> SimulatedGpu:
    """Give a card that draws 300 W, with NVML open; its counter shows the truth at any moment."""
    (card,) = nvml.plug()
    card.power_w, card.update_s = 300, 0
    pynvml.nvmlInit()
    return card
