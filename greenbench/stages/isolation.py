"""Between cells the process is reset: what one cell leaves behind must not reach the next.

Covers random states, Accelerate's process-wide state, compiled models, torch's threads, autograd
and default dtype, and CUDA's cache. Does not cover imports and first uses: one warm-up at the start
of the session pays for those. What launchers leave in the environment is hidden by
``machine.launchers``.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import random
import sys
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
"""Loggers of libraries that write between the lines of the terminal."""


def reset(seed: int, device: torch.device = CPU) -> None:
    """Reset the process, then seed every random state with ``seed``.

    Accelerate moves models to CUDA's current device, whatever device it is given: ``device``
    becomes the current one.
    """
    import numpy as np

    _reset_accelerate()
    _forget_compiled()
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


def _forget_compiled() -> None:
    """Drop what was compiled in earlier rounds, if anything was."""
    if "torch._inductor.compile_fx" in sys.modules:
        torch.compiler.reset()


def _reset_accelerate() -> None:
    """Forget precision and accumulation; Accelerate has no public function for it."""
    from accelerate.state import AcceleratorState, GradientState, PartialState

    AcceleratorState._reset_state(True)  # noqa: SLF001, FBT003  the flag resets PartialState too
    GradientState._reset_state()  # noqa: SLF001
    PartialState._reset_state()  # noqa: SLF001


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence libraries in a context: warnings, loggers below ERROR and progress bars."""
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    # After the loggers: the import behind this may log.
    bars = _show_progress_bars(show=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        _show_progress_bars(show=bars)


def _show_progress_bars(*, show: bool) -> bool:
    """Show or hide transformers' progress bars; return whether they were shown before."""
    from transformers.utils import logging as library

    before = bool(library.is_progress_bar_enabled())
    if show:
        library.enable_progress_bar()
    else:
        library.disable_progress_bar()
    return before
