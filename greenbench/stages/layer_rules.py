"""Rules that pick the transformer layers to leave out, before training or at inference.

Fixed rules look at positions alone; ``influence`` looks at the model and validation data.
docs/knobs.md shows what each of them costs in quality, as measured. Layers are counted from 0.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch

from greenbench.errors import UnavailableError, UsageError
from greenbench.stages.stack import stack_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.stages.objectives.interface import ModelInputs

LOCAL, GLOBAL = "sliding_attention", "full_attention"


class LayerKnobs(NamedTuple):
    """The two knobs that ask for layers to be left out, as errors name them."""

    fraction: str
    choice: str


SKIPPING = LayerKnobs("inference.skip_layers", "inference.layer_choice")
PRUNING = LayerKnobs("architecture.prune_layers", "architecture.prune_choice")


def deepest(kinds: Sequence[str], count: int, knobs: LayerKnobs = SKIPPING) -> tuple[int, ...]:
    """Return the deepest layers that a model can do without best.

    An encoder that alternates global and local (sliding-window) layers, as ModernBERT does, loses
    its topmost local ones: every global layer stays, so that information still travels over the
    whole text. A stack of one kind of layers, as decoders are, loses its deepest ones below the
    last, which itself stays (Gromov et al. 2024, arXiv:2403.17887). The first layer always stays.
    """
    candidates = list(range(1, len(kinds) - 1))
    if LOCAL in kinds and GLOBAL in kinds:
        candidates = []
        for number, kind in enumerate(kinds):
            if kind == LOCAL and number > 0:
                candidates.append(number)
    why = "the first stays, and so do the global ones, or the last where all are global"
    return _last(candidates, count, len(kinds), why, knobs)


def top(kinds: Sequence[str], count: int, knobs: LayerKnobs = SKIPPING) -> tuple[int, ...]:
    """Return the last layers (top dropping, Sajjad et al. 2023, arXiv:2004.03844)."""
    return _last(range(1, len(kinds)), count, len(kinds), "the first stays", knobs)


def bottom(kinds: Sequence[str], count: int, knobs: LayerKnobs = SKIPPING) -> tuple[int, ...]:
    """Return the first layers (bottom dropping, Sajjad et al. 2023); the last stays."""
    downwards = range(len(kinds) - 2, -1, -1)
    return _last(downwards, count, len(kinds), "the last stays", knobs)


def alternate(kinds: Sequence[str], count: int, knobs: LayerKnobs = SKIPPING) -> tuple[int, ...]:
    """Return every other layer downwards from the last but one (Sajjad et al. 2023)."""
    downwards = range(len(kinds) - 2, -1, -2)
    return _last(reversed(downwards), count, len(kinds), "that is every other one", knobs)


def _last(
    candidates: Iterable[int], count: int, total: int, why: str, knobs: LayerKnobs
) -> tuple[int, ...]:
    """Return the last ``count`` candidates, sorted; raises UsageError if there are fewer."""
    layers = list(candidates)
    if count > len(layers):
        raise UsageError(
            f"{knobs.fraction}: {count} of {total} layers are to be left out, and only "
            f"{len(layers)} may be: {why}; choose a smaller fraction, or another "
            f"{knobs.choice}"
        )
    last = layers[len(layers) - count :]
    return tuple(sorted(last))


RULES: dict[str, Callable[[Sequence[str], int, LayerKnobs], tuple[int, ...]]] = {
    "deepest": deepest,
    "top": top,
    "bottom": bottom,
    "alternate": alternate,
}
"""Rules by positions alone: from the layers' kinds of attention and a count to the layers."""


def chosen(
    choice: str,
    kinds: Sequence[str],
    fraction: float,
    influence: Callable[[], Sequence[float]],
    knobs: LayerKnobs = SKIPPING,
) -> tuple[int, ...]:
    """Return the layers of a stack that are left out.

    ``choice`` is one of ``RULES``, ``influence`` (the layers with the least of it; only then it is
    computed) or the layers themselves, ``3,4``, for which ``fraction`` does not count. Raises
    UsageError, which names ``knobs``, if so many or such layers cannot be left out.
    """
    if choice[0].isdigit():
        return _named(choice, len(kinds), knobs)
    count = round(fraction * len(kinds))
    if count == 0:
        return ()
    if choice in RULES:
        return RULES[choice](kinds, count, knobs)
    weights = influence()
    downwards = sorted(range(len(kinds)), key=lambda layer: -weights[layer])  # stable
    return _last(downwards[1:], count, len(kinds), "one stays", knobs)


def _named(choice: str, total: int, knobs: LayerKnobs) -> tuple[int, ...]:
    layers = sorted({int(number) for number in choice.split(",")})
    if layers[-1] >= total or len(layers) == total:
        raise UsageError(
            f"{knobs.choice}: {choice} was requested, and the model's layers are 0 to "
            f"{total - 1}, of which one stays"
        )
    return tuple(layers)


class _InfluenceMeter:
    """Sums up how far each layer turns the hidden states of the tokens that are not masked."""

    def __init__(self, layers: int) -> None:
        self.turned = torch.zeros(layers, dtype=torch.float64)
        self.tokens = 0
        self.mask = torch.empty(0)

    def read(self, batch: ModelInputs, device: torch.device) -> dict[str, torch.Tensor]:
        """Return the inputs of the next pass, and count its tokens."""
        self.mask = batch["attention_mask"].to(device)
        self.tokens += int(self.mask.sum())
        return {"input_ids": batch["input_ids"].to(device), "attention_mask": self.mask}

    def hook(
        self,
        layer: int,
        _module: nn.Module,
        inputs: tuple[torch.Tensor, ...],
        keywords: Mapping[str, torch.Tensor],
        output: torch.Tensor | tuple[torch.Tensor, ...],
    ) -> None:
        """Add one minus the cosine between input and output, token by token."""
        before = inputs[0] if inputs else keywords["hidden_states"]
        after = output[0] if isinstance(output, tuple) else output
        cosine = torch.cosine_similarity(before.float(), after.float(), dim=-1)
        turned = (1 - cosine) * self.mask
        self.turned[layer] += float(turned.sum())

    def means(self) -> list[float]:
        """Return the mean over all tokens, layer by layer."""
        means = self.turned / max(1, self.tokens)
        as_floats: list[float] = means.tolist()
        return as_floats


@torch.inference_mode()
def block_influence(
    model: PreTrainedModel, batches: Iterable[ModelInputs], device: torch.device
) -> list[float]:
    """Return for each layer one minus the cosine between its input and its output.

    It is the mean over all tokens of ``batches``, whose ``input_ids`` and ``attention_mask`` have
    shape (batch, tokens). A layer that hardly turns the hidden state is hardly needed (block
    influence: Men et al. 2024, ShortGPT, arXiv:2403.03853). Raises UnavailableError if the model's
    hidden states are not finite.
    """
    stack = stack_of(model.eval())
    meter = _InfluenceMeter(len(stack.layers))
    hooks = []
    for number, layer in enumerate(stack.layers):
        hook = partial(meter.hook, number)
        hooks.append(layer.register_forward_hook(hook, with_kwargs=True))
    try:
        for batch in batches:
            stack.body(**meter.read(batch, device))
    finally:
        for handle in hooks:
            handle.remove()
    influence = meter.means()
    if not all(map(math.isfinite, influence)):
        raise UnavailableError(
            "block influence is not a number: the hidden states of the trained model are not finite"
        )
    return influence
