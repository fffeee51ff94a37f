"""What one cell leaves behind does not reach the next."""

from __future__ import annotations

import json
import logging
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from greenbench.stages import isolation

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("as_new")

ROOT = Path(__file__).parents[2]


def draws() -> list[float]:
    """Draw from every random state that a cell may draw from."""
    return [random.random(), float(np.random.random()), float(torch.rand(()))]  # noqa: NPY002


def test_reset_seeds_every_random_state() -> None:
    """A seed determines the numbers of Python, NumPy and torch, whatever was drawn before."""
    isolation.reset(7)
    first = draws()
    draws()
    isolation.reset(7)
    assert draws() == first
    isolation.reset(8)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_reset_puts_torch_back() -> None:
    """Threads, default dtype and autograd are those of a new process."""
    torch.set_num_threads(isolation.THREADS + 1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    isolation.reset(0)
    assert torch.get_num_threads() == isolation.THREADS
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_reset_forgets_what_accelerate_was_told() -> None:
    """Precision and accumulation of a cell stay not in Accelerate."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState

    isolation.reset(0)
    first = Accelerator(mixed_precision="bf16", gradient_accumulation_steps=4, cpu=True)
    assert (first.mixed_precision, first.gradient_accumulation_steps) == ("bf16", 4)
    isolation.reset(0)
    assert AcceleratorState._shared_state == {}
    assert GradientState._shared_state == {}
    second = Accelerator(cpu=True)
    assert (second.mixed_precision, second.gradient_accumulation_steps) == ("no", 1)


def talk() -> None:
    """Say something through each channel that libraries use."""
    warnings.warn("a warning", UserWarning, stacklevel=2)
    for name in isolation.CHATTY:
        logging.getLogger(name).warning("a message")


def test_quiet_silences_warnings_loggers_and_progress_bars(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    """Nothing is said inside, except errors."""
    from transformers.utils import logging as library

    with isolation.quiet():
        talk()
        assert not library.is_progress_bar_enabled()
        assert logging.getLogger("accelerate").isEnabledFor(logging.ERROR)
    assert (list(recwarn), caplog.records) == ([], [])


@pytest.fixture
def levels() -> Iterator[dict[str, int]]:
    """Give every logger a level of its own, and the old ones back."""
    before = {name: logging.getLogger(name).level for name in isolation.CHATTY}
    own = {name: logging.DEBUG + number for number, name in enumerate(isolation.CHATTY)}
    for name, level in own.items():
        logging.getLogger(name).setLevel(level)
    yield own
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("shown", [True, False])
def test_quiet_puts_all_back_even_after_an_exception(
    *, shown: bool, levels: dict[str, int]
) -> None:
    """Loggers' levels, warning filters and progress bars are the user's again afterwards."""
    from transformers.utils import logging as library

    enabled = library.is_progress_bar_enabled()
    (library.enable_progress_bar if shown else library.disable_progress_bar)()
    filters = list(warnings.filters)
    with pytest.raises(RuntimeError, match="cell failed"), isolation.quiet():
        raise RuntimeError("cell failed")
    assert {name: logging.getLogger(name).level for name in isolation.CHATTY} == levels
    assert warnings.filters == filters
    assert library.is_progress_bar_enabled() == shown
    (library.enable_progress_bar if enabled else library.disable_progress_bar)()


def predicted(*sequences: str) -> list[list[list[float]]]:
    """Run sequences of cells, each in a process of its own; return what each cell predicts."""
    command = [sys.executable, "-m", "tests.stages.cells_in_one_process", *sequences]
    # Threads that wait for each other sleep: spinning, they take a third more on a busy machine.
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: list[list[list[float]]] = json.loads(ran.stdout)
    return found


@pytest.mark.slow
def test_a_cell_predicts_the_same_whatever_ran_before_it() -> None:
    """The baseline predicts the same to the bit alone, after V7, and after a run on one thread."""
    (alone,), others = predicted("V0", "V7 V0 one-thread V0")
    optimised, after_it, on_one_thread, after_that = others
    assert len(alone) == 16
    assert after_it == alone
    assert after_that == alone
    assert optimised != alone
    assert on_one_thread == pytest.approx(alone, abs=0.05)


def test_a_cuda_device_becomes_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The requested device becomes CUDA's current one, on which Accelerate trains."""
    called: list[tuple[object, ...]] = []
    for name in ("set_device", "empty_cache", "reset_peak_memory_stats", "manual_seed_all"):
        monkeypatch.setattr(torch.cuda, name, lambda *a, name=name: called.append((name, *a)))
    isolation.reset(0, torch.device("cuda:1"))
    assert ("set_device", torch.device("cuda:1")) in called
