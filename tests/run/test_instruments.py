"""The device of a session: torch's, or whatever a suite's own functions choose."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from greenbench.run.instruments import Instruments


@pytest.mark.parametrize(
    ("gpus", "device"), [([], "cpu"), (["a card"], "auto")], ids=["no GPU", "a GPU"]
)
def test_functions_of_a_suite_may_run_on_any_gpu(gpus: list[str], device: str) -> None:
    """Torch, which may not be installed, is not asked where they run."""
    settings = SimpleNamespace(device="auto", gpus="auto")
    instruments = Instruments(settings, None, knows_devices=False)
    instruments.__dict__["survey"] = SimpleNamespace(gpus=gpus, lost=[])
    assert instruments.device == device
