"""Freezing the lower part of a model, and the proof that no gradient was computed there.

Embeddings and the lowest layers keep their pretrained weights (Lee et al. 2019, arXiv:1911.03090).
Nothing below the lowest trainable weight depends on one, so that the backward pass ends there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.stages.stack import stack_of
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from transformers import PreTrainedModel

    from greenbench.stages.tally import Tally


def count_of(fraction: float, layers: int) -> int:
    """Return how many of so many layers are frozen."""
    return round(fraction * layers)


def freeze(model: PreTrainedModel, fraction: float) -> None:
    """Freeze that part of the layers from below, with all that stands before them.

    A head that shares the embeddings' weights is frozen with them.
    """
    stack = stack_of(model)
    count = count_of(fraction, len(stack.layers))
    if count == 0:
        return
    stack.refuse_shared("training.frozen_layers")
    for module in (*stack.before(), *stack.layers[:count]):
        module.requires_grad_(requires_grad=False)


def frozen_layers(model: PreTrainedModel) -> list[int]:
    """Return the layers without a trainable weight, by their positions."""
    frozen = []
    for position, layer in enumerate(stack_of(model).layers):
        if not any(weight.requires_grad for weight in layer.parameters()):
            frozen.append(position)
    return frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPart:
    """What training has read of the layers, frozen ones and others."""

    layers: int
    """Layers of the trained model."""
    frozen: Sequence[int]
    """Those without a trainable weight, by their positions."""
    ran: Tally[int]
    """For every pass the layers of the loaded model that ran, as bits."""
    tracked: Tally[int]
    """Those whose outputs gradients reach, likewise."""
    before: Mapping[str, torch.Tensor]
    """Norm of each frozen tensor by name."""
    after: Mapping[str, torch.Tensor]

    @property
    def without_gradients(self) -> list[int]:
        """The layers without a trainable weight whose outputs no gradient reached either."""
        all_layers, noted = _union(self.ran), _union(self.tracked)
        present = [n for n in range(all_layers.bit_length()) if all_layers >> n & 1]
        found = []
        for position in self.frozen:
            if position < len(present) and noted >> present[position] & 1:
                continue
            found.append(position)
        return found

    @property
    def moved(self) -> list[str]:
        """The frozen tensors that have another norm than before."""
        moved = []
        for name, before in self.before.items():
            if float(before) != float(self.after[name]):
                moved.append(name)
        return moved


def proof(part: FrozenPart, asked: float) -> Applied:
    """Compare the layers that had neither trainable weights nor gradients with the requested."""
    expected = list(range(count_of(asked, part.layers)))
    frozen, moved = part.without_gradients, part.moved
    note = ""
    if frozen != expected:
        note = f"layers without gradients: {_listed(frozen)}; requested: {_listed(expected)}"
    elif moved:
        note = f"{moved[0]} is frozen and changed"
    elif asked and not expected:
        note = f"{asked} of {part.layers} layers rounds to none: nothing was frozen"
    return Applied(
        stage="training",
        knob="frozen_layers",
        asked=asked,
        got=round(len(frozen) / part.layers, 3) if part.layers else 0.0,
        how="trainable weights by layer, and whether gradients reach the outputs of all layers in "
        f"{part.tracked.total} passes of training",
        note=note,
        evidence={
            "layers": part.layers,
            "frozen": frozen,
            "frozen_tensors": len(part.before),
            "frozen_tensors_changed": len(moved),
        },
    )


def _union(tally: Tally[int]) -> int:
    bits = 0
    for one_pass in tally.counts:
        bits |= one_pass
    return bits


def _listed(layers: Sequence[int]) -> str:
    return ",".join(map(str, layers)) or "none"
