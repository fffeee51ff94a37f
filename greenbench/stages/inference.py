"""The inference stage: leave out layers where asked, then classify the test split batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.stages.data import Loader

LOCAL = "sliding_attention"


def layers_to_skip(layer_types: Sequence[str], fraction: float) -> tuple[int, ...]:
    """Return which layers to leave out: the topmost local ones, never the first layer.

    The top layers of a fine-tuned encoder are the ones it misses least (Sajjad et al. 2023, arXiv:2004.03844). ModernBERT
    alternates one global layer with two local (sliding-window) ones; every global layer stays, so that information still
    travels over the whole text. A stack without local layers loses its top ones. Raises UsageError where ``fraction`` asks
    for more layers than that leaves.
    """
    count = round(fraction * len(layer_types))
    upper = range(1, len(layer_types))
    candidates = [i for i in upper if layer_types[i] == LOCAL] if LOCAL in layer_types else list(upper)
    if count > len(candidates):
        raise UsageError(
            f"inference.skip_layers: {fraction} of {len(layer_types)} layers are {count}, and {len(candidates)} may be left "
            "out: the first and the global ones stay; choose a smaller fraction"
        )
    return tuple(candidates[len(candidates) - count :])


def skip_layers(model: nn.Module, fraction: float) -> nn.Module:
    """Leave out layers of ``model`` in place. Each layer that stays keeps its own kind of attention."""
    stack: Any = model.base_model
    config: Any = stack.config
    gone = set(layers_to_skip(config.layer_types, fraction))
    kept = [i for i in range(len(stack.layers)) if i not in gone]
    stack.layers = nn.ModuleList([stack.layers[i] for i in kept])
    # Each layer carries its own kind of attention; the config must go on telling the same, for whoever builds from it.
    config.layer_types = [config.layer_types[i] for i in kept]
    config.num_hidden_layers = len(kept)
    return model


@torch.inference_mode()
def classify(model: nn.Module, loader: Loader, device: torch.device) -> list[float]:
    """Return the probability of class 1 for every example, in the loader's order."""
    model.eval()
    found: list[torch.Tensor] = []
    for batch in loader:
        inputs = {k: v.to(device) for k, v in batch.items() if k != "labels"}
        found.append(model(**inputs).logits.float().softmax(-1)[:, 1])
    probabilities: list[float] = torch.cat(found).tolist()
    return probabilities


class LayerCount:
    """Counts the layers that ran in the first forward pass while it is open: the proof of layer skipping."""

    def __init__(self, model: nn.Module) -> None:
        """Watch the transformer layers of ``model``."""
        stack: Any = model.base_model
        self.ran = 0
        self._passes = 0
        self._hooks = [layer.register_forward_hook(self._count) for layer in stack.layers]
        self._hooks.append(stack.register_forward_hook(self._finish))

    def _count(self, *_: Any) -> None:
        self.ran += 1

    def _finish(self, *_: Any) -> None:
        for hook in self._hooks:
            hook.remove()


def proof(total: int, ran: int, asked: float) -> Applied:
    """Compare the layers counted in a forward pass with the ones asked for."""
    expected = total - round(asked * total)
    note = "" if ran == expected else f"{ran} layers ran, {expected} were to run"
    if asked and expected == total:
        note = f"{asked} of {total} layers rounds to none: nothing was left out"
    how = f"layers that ran in a forward pass, counted by hooks: {ran} of {total}"
    return Applied(
        stage="inference",
        knob="skip_layers",
        asked=asked,
        got=round(1 - ran / total, 3),
        how=how,
        note=note,
    )
