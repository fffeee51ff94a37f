"""Floating-point operations of what a round did, counted without computing: the same on every machine.

A skeleton of the model on torch's meta device, which has shapes and no numbers, runs under torch's own counter
(``torch.utils.flop_counter``): matrix products, convolutions and attention, a multiply-add as two operations. What
lies between them (normalisation, activations, embeddings) is not counted. Attention counts over the whole length, as it is
computed: a causal or sliding-window mask hides results and saves nothing here. Counted are the operations of the model
whatever its format: INT8 weights multiply as often as FP32 ones.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTHS = (8, 16, 24)
"""Three texts tell a polynomial of the second degree; equally far apart."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Operations for one text of n tokens: ``constant + linear n + square n^2``. A batch costs that for each of its rows."""

    constant: int
    linear: int
    square: int

    def text(self, tokens: int) -> int:
        """Operations of reading ``tokens`` at once."""
        return self.constant + self.linear * tokens + self.square * tokens**2

    def token(self, keys: int) -> int:
        """Operations of one further token which attends to ``keys`` tokens, itself included, by a key/value cache."""
        return self.constant + self.linear + self.square * keys


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
    cost = _cost(_Kind(type(model), config), "training")
    return sum(rows * cost.text(tokens) for rows, tokens in shapes)


def of_inference(model: Any, config: Any, batches: Iterable[Batch]) -> int:
    """Return the operations of answering ``batches``: a pass over each, then one token after the other.

    The pass over a prompt gives the first token; so of n tokens n - 1 are steps of their own.
    """
    cost = _cost(_Kind(type(model), config), "inference")
    return sum(b.rows * (cost.text(b.tokens) + _steps(cost, b)) for b in batches)


def _steps(cost: Cost, batch: Batch) -> int:
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


@functools.lru_cache(maxsize=32)
def _cost(kind: _Kind, use: str) -> Cost:
    """Return what one text costs a model of this kind: solved for the polynomial through three counts."""
    skeleton = kind.skeleton()
    first, second, third = (_count(skeleton, use, n) for n in LENGTHS)
    apart = LENGTHS[1] - LENGTHS[0]
    square = (third - 2 * second + first) // (2 * apart**2)
    linear = (second - first) // apart - square * (LENGTHS[0] + LENGTHS[1])
    return Cost(first - linear * LENGTHS[0] - square * LENGTHS[0] ** 2, linear, square)


def _count(skeleton: Any, use: str, tokens: int) -> int:
    """Count the operations of one text of ``tokens``."""
    from torch.utils.flop_counter import FlopCounterMode

    ids = torch.zeros((1, tokens), dtype=torch.long, device="meta")
    generates = "CausalLM" in type(skeleton).__name__
    with FlopCounterMode(display=False) as counter:
        if use == "training":
            skeleton(input_ids=ids, labels=ids if generates else ids[:, 0]).loss.backward()
        else:  # generate() computes the vocabulary's scores of the last token alone
            skeleton(input_ids=ids, **({"logits_to_keep": 1} if generates else {}))
    return int(counter.get_total_flops())
