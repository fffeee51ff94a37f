"""Between cells the process is as new: what one cell leaves behind must not reach the next.

Covers random states, Accelerate's process-wide state, torch's threads, autograd and default dtype, and CUDA's cache. Does
not cover imports and first uses: one warm-up at the start of the session pays for those.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import random
import warnings
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = torch.get_num_threads()
"""Threads that torch chose for itself when it was imported."""

CPU = torch.device("cpu")
CHATTY = (
    "transformers",
    "accelerate",
    "bitsandbytes",
    "datasets",
    "torchao",
    "huggingface_hub",
    "torch.utils._pytree",
)


def reset(seed: int, device: torch.device = CPU) -> None:
    """Make the process as new, then seed every random state with ``seed``.

    Accelerate moves models to CUDA's current device, whatever device it is given: ``device`` becomes the current one.
    """
    import numpy as np
    from accelerate.state import AcceleratorState, GradientState, PartialState

    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state(*([True] if state is AcceleratorState else []))  # noqa: SLF001  Accelerate offers no public way
    os.environ.pop(
        "ACCELERATE_MIXED_PRECISION", None
    )  # a launcher may have set it, and Accelerate obeys it
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(True)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  other libraries draw from the global state
    torch.manual_seed(seed)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries from talking between the lines: warnings, loggers below ERROR and progress bars."""
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    bars = _progress_bars(on=False)  # may import what it asks, and that may talk
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        _progress_bars(on=bars)


def _progress_bars(*, on: bool) -> bool:
    """Switch transformers' progress bars and return how they stood."""
    from transformers.utils import logging as library

    before = library.is_progress_bar_enabled()
    (library.enable_progress_bar if on else library.disable_progress_bar)()
    return bool(before)
