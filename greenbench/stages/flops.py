"""Floating-point operations of what a round did, counted without computing: the same on every machine.

A skeleton of the model on torch's meta device, which has shapes and no numbers, runs under torch's own counter
(``torch.utils.flop_counter``): matrix products, convolutions and attention, a multiply-add as two operations. What
lies between them (normalisation, activations, embeddings, the optimizer) is not counted. Counted are the operations of the
model whatever its format: INT8 or FP8 weights multiply as often as FP32 ones, and a result computed twice to spare memory,
as fused attention does in its backward pass, counts once.

Attention counts over the whole padded length: masks hide results and save no operation. So it is with ModernBERT's
sliding-window layers, which differ from the global ones by their mask alone under eager attention and SDPA (transformers 5,
``modeling_modernbert.py``); FlashAttention, which skips what lies outside the window, is no dependency here. A decoder's
key/value cache does drop what has left a sliding window (``cache_utils.py``, ``DynamicSlidingWindowLayer``): a further token
attends to the window alone there.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from greenbench.stages import layers

if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTHS = (8, 16, 24)
"""Three texts tell a polynomial of the second degree; equally far apart."""

CHECKED = (2, 301)
"""Rows and tokens of the batch that the polynomial is held against: two, an odd length, beyond ModernBERT's window of 128."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Operations for one text of n tokens: ``constant + linear n + square n^2``. A batch costs that for each of its rows."""

    constant: int
    linear: int
    square: int
    windowed: int = 0
    """The part of ``square`` that is of sliding-window layers."""
    window: int = 0
    """Tokens that those attend to at most when they write."""

    def text(self, tokens: int) -> int:
        """Operations of reading ``tokens`` at once."""
        return self.constant + self.linear * tokens + self.square * tokens**2

    def token(self, keys: int) -> int:
        """Operations of one further token which attends to ``keys`` tokens, itself included, by a key/value cache."""
        return (
            self.constant
            + self.linear
            + self.square * keys
            - self.windowed * max(0, keys - self.window)
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """The shape of a batch that was answered."""

    rows: int
    tokens: int
    """In each row, padding included: it is computed like any other."""
    written: int = 0
    """Tokens that were generated in each row."""


def of_training(model: Any, config: Any, shapes: Iterable[tuple[int, int]]) -> int:
    """Return the operations of forward and backward passes over micro-batches of ``shapes`` (rows, tokens)."""
    kind = _Kind(type(model), config)
    return sum(times * _read(kind, "training", *shape) for shape, times in Counter(shapes).items())


def of_inference(model: Any, config: Any, batches: Iterable[Batch]) -> int:
    """Return the operations of answering ``batches``: a pass over each, then one token after the other.

    The pass over a prompt gives the first token; so of n tokens n - 1 are steps of their own.
    """
    kind = _Kind(type(model), config)
    return sum(
        _read(kind, "inference", b.rows, b.tokens) + b.rows * _steps(kind, b) for b in batches
    )


def _steps(kind: _Kind, batch: Batch) -> int:
    """Return the operations of the steps that write one row; raises ValueError where they do not follow from passes."""
    if batch.written <= 1:
        return 0
    if (cost := _cost(kind, "inference")) is None:
        raise ValueError(
            "its passes follow no polynomial, which a further token's cost would be read from"
        )
    return sum(cost.token(batch.tokens + i) for i in range(1, batch.written))


class _Kind:
    """A class of models and its config, looked up by what the config says."""

    def __init__(self, model: type, config: Any) -> None:
        self.model, self.config = model, config
        self._key = model, config.to_json_string(use_diff=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kind) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def skeleton(self) -> Any:
        """Return a model without numbers."""
        plain = copy.deepcopy(self.config)
        plain.quantization_config = None
        with torch.device("meta"):
            return self.model(plain)


def _read(kind: _Kind, use: str, rows: int, tokens: int) -> int:
    """Return what a pass over ``rows`` texts of ``tokens`` costs."""
    cost = _cost(kind, use)
    return rows * cost.text(tokens) if cost is not None else _read_singly(kind, use, rows, tokens)


@functools.lru_cache(maxsize=4096)
def _read_singly(kind: _Kind, use: str, rows: int, tokens: int) -> int:
    """Count one shape by itself, where no polynomial tells all of them."""
    return _count(kind.skeleton(), use, rows, tokens)


@functools.lru_cache(maxsize=32)
def _cost(kind: _Kind, use: str) -> Cost | None:
    """Return what one text costs a model of this kind, or None where a count of the whole model says otherwise."""
    skeleton = kind.skeleton()
    cost = _solved(*(_by_depth(skeleton, use, n) for n in LENGTHS))
    rows, tokens = CHECKED
    if _count(skeleton, use, rows, tokens) != rows * cost.text(tokens):
        return None
    kinds = layers.kinds(skeleton)
    windowed = cost.square * kinds.count(layers.LOCAL) // len(kinds)
    window = getattr(skeleton.config, "sliding_window", None) or 0
    return Cost(cost.constant, cost.linear, cost.square, windowed, window)


def _solved(first: int, second: int, third: int) -> Cost:
    """Return the polynomial through the counts of ``LENGTHS``."""
    apart = LENGTHS[1] - LENGTHS[0]
    square = (third - 2 * second + first) // (2 * apart**2)
    linear = (second - first) // apart - square * (LENGTHS[0] + LENGTHS[1])
    return Cost(first - linear * LENGTHS[0] - square * LENGTHS[0] ** 2, linear, square)


def _by_depth(skeleton: Any, use: str, tokens: int) -> int:
    """Return the operations of one text from a stack without layers and one of a single layer, as each costs the same."""
    stack, every = skeleton.base_model, skeleton.base_model.layers
    counts = []
    for depth in (0, 1):
        stack.layers = every[:depth]
        counts.append(_count(skeleton, use, 1, tokens))
    stack.layers = every
    return counts[0] + len(every) * (counts[1] - counts[0])


def _count(skeleton: Any, use: str, rows: int, tokens: int) -> int:
    """Count the operations of ``rows`` texts of ``tokens``."""
    from torch.utils.flop_counter import FlopCounterMode

    ids = torch.zeros((rows, tokens), dtype=torch.long, device="meta")
    generates = skeleton.can_generate()
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(use == "training"):
        if use == "training":
            skeleton(input_ids=ids, labels=ids if generates else ids[:, 0]).loss.backward()
        else:  # generate() computes the vocabulary's scores of the last token alone
            skeleton(input_ids=ids, **({"logits_to_keep": 1} if generates else {}))
    return int(counter.get_total_flops())
