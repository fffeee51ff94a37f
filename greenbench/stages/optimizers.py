"""The optimizers of training, each with what tells it from the others in the live object."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from greenbench.errors import UnavailableError
from greenbench.extras import line_for

if TYPE_CHECKING:
    from torch import nn

    from greenbench.types import TaskSize

EIGHT_BIT = "adamw_8bit"
EIGHT_BIT_DEVICES = ("cuda", "cpu")
"""Where bitsandbytes has kernels for 8-bit states (Dettmers et al. 2022, arXiv:2110.02861)."""


def check(name: str, device: torch.device) -> None:
    """Raise UnavailableError if the optimizer cannot step on ``device``."""
    if name != EIGHT_BIT:
        return
    if device.type not in EIGHT_BIT_DEVICES:
        raise UnavailableError(
            f"training.optimizer: {EIGHT_BIT} needs a CPU or a CUDA device, for which "
            f"bitsandbytes has kernels, and the cell runs on {device}; adamw would work"
        )
    if find_spec("bitsandbytes") is None:
        raise UnavailableError(
            f"training.optimizer: {EIGHT_BIT} needs the package bitsandbytes; "
            f"{line_for('bitsandbytes')} would install it, or set adamw_fused"
        )


def build(model: nn.Module, name: str, size: TaskSize) -> torch.optim.Optimizer:
    """Return the optimizer called ``name`` for the trainable weights of ``model``."""
    rate, decay = size.learning_rate, size.weight_decay
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=decay)
    if name == "adamw_fused":
        return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)
    if name == EIGHT_BIT:
        from bitsandbytes.optim import AdamW8bit

        optimizer: torch.optim.Optimizer = AdamW8bit(weights, lr=rate, weight_decay=decay)
        return optimizer
    return torch.optim.AdamW(weights, lr=rate, weight_decay=decay)


def name_of(optimizer: torch.optim.Optimizer) -> str:
    """Return what the live optimizer is after its steps, by class, fused kernel and states.

    Its own name in lower case, with ``_fused`` or ``_8bit`` if all its weights are stepped so.
    """
    name = type(optimizer).__name__.lower().removesuffix("8bit")
    if all(group.get("fused") for group in optimizer.param_groups):
        name += "_fused"
    if "uint8" in state_bytes(optimizer):
        name += "_8bit"
    return name


def state_bytes(optimizer: torch.optim.Optimizer) -> dict[str, int]:
    """Return the bytes of the optimizer's states by dtype; counters of steps are none of them."""
    sizes: Counter[str] = Counter()
    for states in optimizer.state.values():
        for state in states.values():
            if isinstance(state, torch.Tensor) and state.ndim:
                dtype = str(state.dtype).removeprefix("torch.")
                sizes[dtype] += state.numel() * state.element_size()
    return dict(sizes)
