"""Whether a model answers packed rows as it does padded ones: tried before anything is measured.

Families differ in what they make of positions and masks, and no configuration says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from greenbench.errors import GreenbenchError, UnavailableError
from greenbench.stages import packing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

LENGTHS = (5, 9, 3)
"""Tokens of the texts that are tried."""
CLOSE = 1e-3
"""Largest difference of two answers, as a share of the largest answer; rounding gives 1e-6."""


@torch.no_grad()
def refuse_other_answers(net: PreTrainedModel, pad_id: int) -> None:
    """Raise UnavailableError if packed texts get other answers from ``net`` than padded ones."""
    texts = _texts(int(net.config.vocab_size), pad_id)
    mask = (texts != pad_id).long()
    batch = {"input_ids": texts.to(net.device), "attention_mask": mask.to(net.device)}
    was_training = net.training
    net.eval()
    try:
        padded = net(**batch).logits
        packed_batch = packing.pack(batch, pad_id)
        packed = packing.run(net, packed_batch).logits
        starts = packed_batch[packing.STARTS].tolist()
        difference = _largest_difference(padded, packed, starts)
    except GreenbenchError:
        raise
    except Exception as error:
        message = str(error).partition("\n")[0]
        raise _refusal(net, f"fails on packed rows ({message})") from error
    finally:
        net.train(was_training)
    if difference > CLOSE * float(padded.abs().max()):
        raise _refusal(net, "gives packed texts other answers than padded ones")


def _texts(vocabulary: int, pad_id: int) -> torch.Tensor:
    """Return texts of ``LENGTHS``, padded on the right."""
    texts = torch.full((len(LENGTHS), max(LENGTHS)), pad_id)
    token = 0
    for row, length in enumerate(LENGTHS):
        for place in range(length):
            token = (token + 7) % vocabulary
            texts[row, place] = token if token != pad_id else (token + 1) % vocabulary
    return texts


def _largest_difference(padded: torch.Tensor, packed: torch.Tensor, starts: Sequence[int]) -> float:
    """Return the largest difference of the answers to texts, or to their tokens."""
    if padded.ndim == 2:  # noqa: PLR2004  an answer a text
        return float((padded - packed).abs().max())
    tokens = packed.flatten(0, 1)
    differences = []
    for row, length in enumerate(LENGTHS):
        start = starts[row]
        own = tokens[start : start + length]
        apart = (own - padded[row, :length]).abs()
        differences.append(float(apart.max()))
    return max(differences)


def _refusal(net: PreTrainedModel, what: str) -> UnavailableError:
    name = type(net).__name__
    return UnavailableError(f"data.batching: packed: {name} {what}; set plain or bucketed")
