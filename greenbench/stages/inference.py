"""The inference stage: leave out layers where asked, then run the model on the test split in the asked precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCAL, GLOBAL = "sliding_attention", "full_attention"


def layers_to_skip(layer_types: Sequence[str], fraction: float) -> tuple[int, ...]:
    """Return which layers to leave out, never the first one.

    An encoder that alternates global and local (sliding-window) layers, as ModernBERT does, loses its topmost local ones:
    the top layers of a fine-tuned encoder are the ones it misses least (Sajjad et al. 2023, arXiv:2004.03844), and every
    global layer stays, so that information still travels over the whole text. A stack without local layers, as decoders
    are, loses its deepest ones below the last, which itself stays (Gromov et al. 2024, arXiv:2403.17887). Raises UsageError
    where ``fraction`` asks for more layers than that leaves.
    """
    count = round(fraction * len(layer_types))
    local = [i for i in range(1, len(layer_types)) if layer_types[i] == LOCAL]
    candidates = local if LOCAL in layer_types else list(range(1, len(layer_types) - 1))
    if count > len(candidates):
        raise UsageError(
            f"inference.skip_layers: {fraction} of {len(layer_types)} layers are {count}, and {len(candidates)} may be left "
            "out: the first stays, and so do the global ones, or the last where all are global; choose a smaller fraction"
        )
    return tuple(candidates[len(candidates) - count :])


def skip_layers(model: nn.Module, fraction: float) -> nn.Module:
    """Leave out layers of ``model`` in place. Each layer that stays keeps its own kind of attention."""
    stack: Any = model.base_model
    config: Any = stack.config
    kinds = layer_types(model)
    gone = set(layers_to_skip(kinds, fraction))
    kept = [i for i in range(len(stack.layers)) if i not in gone]
    stack.layers = nn.ModuleList([stack.layers[i] for i in kept])
    for place, layer in enumerate(stack.layers):
        _renumber(layer, place)
    # Each layer carries its own kind of attention; the config must go on telling the same, for whoever builds from it.
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = [kinds[i] for i in kept]
    config.num_hidden_layers = len(kept)
    return model


def layer_types(model: nn.Module) -> list[str]:
    """Return the kind of attention of each layer."""
    stack: Any = model.base_model
    return list(getattr(stack.config, "layer_types", None) or [GLOBAL] * len(stack.layers))


def _renumber(layer: Any, place: int) -> None:
    """Give a layer its new number: a decoder's finds its part of the key/value cache by it, and a gap would stay empty."""
    attention: Any = getattr(layer, "self_attn", None)
    if hasattr(attention, "layer_idx"):
        attention.layer_idx = place


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


def attention(model: nn.Module) -> str:
    """Return which implementation of attention the live model uses, as its config tells."""
    stack: Any = model.base_model
    return str(getattr(stack.config, "_attn_implementation", None))


def precision_proof(asked: str, got: str) -> Applied:
    """Compare the precision that inference was seen to compute in with the one asked for."""
    note = "" if asked == got else f"asked for {asked}, a linear layer computed in {got}"
    how = "dtype of a linear layer's output at inference"
    return Applied(stage="inference", knob="precision", asked=asked, got=got, how=how, note=note)
