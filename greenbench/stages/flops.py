"""Floating-point operations of a round, counted without computing: the same on every machine.

A skeleton of the model on torch's meta device, which has shapes and no numbers, runs under torch's
own counter (``torch.utils.flop_counter``): matrix products, convolutions and attention, a
multiply-add as two operations. What lies between them (normalisation, activations, embeddings, the
optimizer) is not counted. Counted are the operations of the model whatever its format: INT8 or FP8
weights multiply as often as FP32 ones, and a result computed twice to spare memory, as fused
attention does in its backward pass, counts once.

Attention counts over the whole padded length: masks hide results and save no operation. So it is
with ModernBERT's sliding-window layers, which differ from the global ones by their mask alone under
eager attention and SDPA (transformers 5, ``modeling_modernbert.py``); FlashAttention, which skips
what lies outside the window, is no dependency here. A decoder's key/value cache does drop what has
left a sliding window (``cache_utils.py``, ``DynamicSlidingWindowLayer``): a further token attends
to the window alone there. With a static cache it attends to the cache's whole length.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from greenbench.data.models import linear_layers
from greenbench.stages import layers, packing
from greenbench.stages.layer_rules import LOCAL
from greenbench.stages.stack import stack_of
from greenbench.stages.trained_parts import BASELINE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel

    from greenbench.stages.objectives.interface import AnsweredBatch
    from greenbench.stages.trained_parts import TrainedParts

LENGTHS = (8, 16, 24)
"""Tokens of three texts, equally far apart: they determine a polynomial of the second degree."""

CHECKED = (2, 301)
"""Rows and tokens of the batch that checks the polynomial, as far as the model has positions.

Two rows, an odd length, beyond ModernBERT's window of 128.
"""


@dataclass(frozen=True, slots=True)
class TextCost:
    """Operations for one text of n tokens: ``constant + linear n + square n^2``.

    A batch costs that for each of its rows.
    """

    constant: int
    linear: int
    square: int
    windowed: int = 0
    """The part of ``square`` that sliding-window layers have."""
    window: int = 0
    """Tokens that those layers attend to at most when they generate."""

    def text(self, tokens: int) -> int:
        """Operations of reading ``tokens`` at once."""
        return self.constant + self.linear * tokens + self.square * tokens**2

    def token(self, keys: int) -> int:
        """Operations of one further token by a key/value cache.

        It attends to ``keys`` tokens, itself included.
        """
        outside = max(0, keys - self.window)
        attention = self.square * keys - self.windowed * outside
        return self.constant + self.linear + attention


def of_training(
    model: nn.Module,
    config: PreTrainedConfig,
    shapes: Iterable[tuple[int, int]],
    parts: TrainedParts = BASELINE,
) -> int:
    """Return the operations of forward and backward passes over micro-batches.

    ``shapes`` are their rows and tokens, ``parts`` what is trained of the model.
    """
    kind = _ModelKind(type(model), config, parts)
    total = 0
    for (rows, tokens), times in Counter(shapes).items():
        total += times * _pass(kind, "training", rows, tokens)
    return total


def of_reading(
    model: nn.Module, config: PreTrainedConfig, shapes: Iterable[tuple[int, int]]
) -> int:
    """Return the operations of forward passes that score every token, as in training."""
    kind = _ModelKind(type(model), config)
    total = 0
    for (rows, tokens), times in Counter(shapes).items():
        total += times * _pass(kind, "reading", rows, tokens)
    return total


def of_inference(
    model: nn.Module, config: PreTrainedConfig, batches: Iterable[AnsweredBatch]
) -> int:
    """Return the operations of answering ``batches``: a pass over each, then token after token.

    The pass over a prompt gives the first token, so n tokens take n - 1 further steps. Raises
    ValueError if the cost of these does not follow from passes.
    """
    kind = _ModelKind(type(model), config)
    total = 0
    for batch in batches:
        total += _pass(kind, "inference", batch.rows, batch.tokens)
        total += batch.rows * _further_tokens(kind, batch)
    return total


def of_layers(model: nn.Module, config: PreTrainedConfig, tokens: int, runs: int) -> int:
    """Return the operations of single layers at inference, that ran so often over one text."""
    return runs * _layer(_ModelKind(type(model), config), tokens)


def of_head(model: nn.Module, config: PreTrainedConfig, tokens: int, texts: int) -> int:
    """Return the operations of asking what stands around the layers about so many texts."""
    kind = _ModelKind(type(model), config)
    return texts * _head(kind, tokens)


@functools.lru_cache(maxsize=4096)
def _head(kind: _ModelKind, tokens: int) -> int:
    """Return the operations of a model without layers over one text."""
    around, _ = _parts(kind.skeleton(), "inference", tokens)
    return around


@functools.lru_cache(maxsize=4096)
def _layer(kind: _ModelKind, tokens: int) -> int:
    """Return the operations of one layer over one text."""
    _, one_layer = _parts(kind.skeleton(), "inference", tokens)
    return one_layer


def _further_tokens(kind: _ModelKind, batch: AnsweredBatch) -> int:
    """Return the operations of the tokens of one row that follow the first one."""
    if batch.written <= 1:
        return 0
    cost = _text_cost(kind, "inference")
    if cost is None:
        raise ValueError(
            "its passes follow no polynomial, from which the cost of a further token could be read"
        )
    if batch.cached:
        return (batch.written - 1) * cost.token(batch.cached)
    first, end = batch.tokens + 1, batch.tokens + batch.written
    return sum(cost.token(keys) for keys in range(first, end))


class _ModelKind:
    """A class of models with its config; two are equal if their configs say the same."""

    def __init__(
        self, model: type[nn.Module], config: PreTrainedConfig, parts: TrainedParts = BASELINE
    ) -> None:
        self._model = model
        self._config = config
        self.parts = parts
        self._key = model, config.to_json_string(use_diff=False), parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ModelKind) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def skeleton(self) -> PreTrainedModel:
        """Return a model without numbers."""
        config = copy.deepcopy(self._config)
        config.quantization_config = None
        with torch.device("meta"):
            model = self._model(config)
            linear_layers.make_plain(model)
            self.parts.prepare(model)
        stack = stack_of(model)
        if not (stack.is_causal and type(model).__name__.endswith(packing.OF_TEXTS)):
            stack.config.pad_token_id = None  # else some look for it among ids that are none
        return model


def _pass(kind: _ModelKind, use: str, rows: int, tokens: int) -> int:
    """Return the operations of a pass over ``rows`` texts of ``tokens``."""
    cost = _text_cost(kind, use)
    if cost is None:
        return _counted_pass(kind, use, rows, tokens)
    return rows * cost.text(tokens)


@functools.lru_cache(maxsize=4096)
def _counted_pass(kind: _ModelKind, use: str, rows: int, tokens: int) -> int:
    """Count a single shape, if no polynomial fits all of them."""
    return _count(kind.skeleton(), use, rows, tokens)


@functools.lru_cache(maxsize=32)
def _text_cost(kind: _ModelKind, use: str) -> TextCost | None:
    """Return the cost of a text, or None if a count of the whole model contradicts it."""
    skeleton = kind.skeleton()
    alike = kind.parts.whole and not stack_of(skeleton).shares
    count = _by_depth if alike else _of_one_text
    cost = _polynomial(*(count(skeleton, use, tokens) for tokens in LENGTHS))
    rows, longest = CHECKED
    tokens = min(longest, getattr(skeleton.config, "max_position_embeddings", longest))
    if _count(skeleton, use, rows, tokens) != rows * cost.text(tokens):
        return None
    kinds = layers.kinds(skeleton)
    windowed = cost.square * kinds.count(LOCAL) // len(kinds)
    window = getattr(skeleton.config, "sliding_window", None) or 0
    return replace(cost, windowed=windowed, window=window)


def _polynomial(first: int, second: int, third: int) -> TextCost:
    """Return the polynomial through the counts of ``LENGTHS``."""
    shortest, middle, _ = LENGTHS
    apart = middle - shortest
    square = (third - 2 * second + first) // (2 * apart**2)
    linear = (second - first) // apart - square * (shortest + middle)
    constant = first - linear * shortest - square * shortest**2
    return TextCost(constant, linear, square)


def _of_one_text(skeleton: PreTrainedModel, use: str, tokens: int) -> int:
    """Return the operations of one text, counted through all layers: frozen ones cost less."""
    return _count(skeleton, use, 1, tokens)


def _by_depth(skeleton: PreTrainedModel, use: str, tokens: int) -> int:
    """Return the operations of one text, from stacks of one and of two layers.

    Every layer costs the same.
    """
    around, one_layer = _parts(skeleton, use, tokens)
    count = len(stack_of(skeleton).layers)
    return around + count * one_layer


def _parts(skeleton: PreTrainedModel, use: str, tokens: int) -> tuple[int, int]:
    """Return the operations of one text around the layers, and within each of them.

    All belong to the former if there is a single layer: not every model runs without any.
    """
    stack = stack_of(skeleton)
    all_layers = stack.layers
    counts = []
    for depth in (1, 2):
        stack.put(all_layers[:depth])
        counts.append(_count(skeleton, use, 1, tokens))
    stack.put(all_layers)
    with_one, with_two = counts
    if len(all_layers) == 1:
        return with_one, 0
    one_layer = with_two - with_one
    return with_one - one_layer, one_layer


def _count(skeleton: PreTrainedModel, use: str, rows: int, tokens: int) -> int:
    """Count the operations of ``rows`` texts of ``tokens``."""
    from torch.utils.flop_counter import FlopCounterMode

    ids = torch.zeros((rows, tokens), dtype=torch.long, device="meta")
    generates = skeleton.can_generate()
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(use == "training"):
        if use == "training":
            # No loss multiplies matrices, so that no labels are needed
            skeleton(input_ids=ids).logits.sum().backward()
        elif generates and use == "inference":
            # generate() computes the scores of the vocabulary for the last token alone.
            skeleton(input_ids=ids, logits_to_keep=1)
        else:
            skeleton(input_ids=ids)
    return int(counter.get_total_flops())
