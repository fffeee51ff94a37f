"""Linear layers that are written in another way: as plain ones, so that every knob finds them.

GPT-2 and its kin hold the matrix of a linear layer transposed (transformers' ``Conv1D``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn
    from transformers.pytorch_utils import Conv1D


def make_plain(net: nn.Module) -> None:
    """Replace each transposed linear layer of ``net`` by a plain one, which computes the same."""
    from transformers.pytorch_utils import Conv1D

    for name, module in list(net.named_modules()):
        if isinstance(module, Conv1D):
            parent, _, last = name.rpartition(".")
            setattr(net.get_submodule(parent), last, _plain(module))


def _plain(transposed: Conv1D) -> nn.Linear:
    from torch import nn

    weight, bias = transposed.weight.detach(), transposed.bias.detach()
    inputs, outputs = weight.shape
    made = nn.Linear(inputs, outputs, device="meta")
    made.weight = nn.Parameter(weight.T.contiguous())
    made.bias = nn.Parameter(bias)
    return made.train(transposed.training)
