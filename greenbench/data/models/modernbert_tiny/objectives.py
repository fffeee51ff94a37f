"""The self-supervised objectives that pretrain the small ModernBERT, and the heads that are thrown away afterwards.

Does: build one batch from unlabelled functions and return its loss. Part of the rows train masked-language modelling
(BERT, arXiv 1810.04805); the others say which tokens were moved and whether the function was disturbed (`corruption`);
every row predicts, at each name, the tokens around the name's previous mention, a cheap relative of GraphCodeBERT's
"where does this value come from" (arXiv 2009.08366).
Does not: see vulnerability labels.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from greenbench.data.models.modernbert_tiny.corruption import Corrupted, corrupt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tokenizers import Encoding, Tokenizer
    from torch import Tensor
    from transformers import ModernBertForSequenceClassification

MASKED_SHARE = 0.2
_NAME = re.compile(r"[A-Za-z_]\w*")


class Mention(NamedTuple):
    """A name's last token, and the token ids before and after the name's previous mention in the same function."""

    position: int
    before: int
    after: int


class Batch(NamedTuple):
    """Token ids (rows x longest, 0 is padding), their encodings, and what was done to each row's text."""

    ids: Tensor
    encodings: Sequence[Encoding]
    rows: Sequence[Corrupted]
    masked_rows: int


class Heads(nn.Module):
    """Heads for the pretraining objectives; none of them is part of the saved model."""

    def __init__(self, hidden: int, vocabulary: int) -> None:
        """Build the heads for a hidden width and a vocabulary size."""
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.before, self.after = nn.Linear(hidden, vocabulary), nn.Linear(hidden, vocabulary)
        self.moved, self.disturbed = nn.Linear(hidden, 1), nn.Linear(hidden, 1)


def previous_mentions(encoding: Encoding, text: str) -> list[Mention]:
    """Find the names of `text` that were mentioned before, with the tokens around that earlier mention."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for place, (first, last) in enumerate(encoding.offsets):
        if last > first:
            # A token may begin with the space before the name.
            starts.setdefault(first + (text[first] == " " and last - first > 1), place)
            ends[last] = place
    found, seen = [], dict[str, tuple[int, int]]()
    for match in _NAME.finditer(text):
        start, end = starts.get(match.start()), ends.get(match.end())
        if start is None or end is None:
            continue
        if match.group() in seen:
            left, right = seen[match.group()]
            found.append(Mention(end, encoding.ids[left - 1], encoding.ids[right + 1]))
        seen[match.group()] = (start, end)
    return found


def draw_batch(rng: Random, tokenizer: Tokenizer, texts: Sequence[str], masked_rows: int) -> Batch:
    """Disturb about half of the rows after the first `masked_rows` and tokenise them all."""
    rows = [Corrupted(text, ()) for text in texts[:masked_rows]]
    rows += [
        corrupt(rng, text) if rng.randrange(2) else Corrupted(text, ())
        for text in texts[masked_rows:]
    ]
    encodings = tokenizer.encode_batch([row.text for row in rows])
    ids = pad_sequence([torch.tensor(encoding.ids) for encoding in encodings], batch_first=True)
    return Batch(ids, encodings, rows, masked_rows)


def _mask(batch: Batch, mask_id: int) -> tuple[Tensor, Tensor]:
    """Return the model's input and where the masked rows lost a token; special tokens stay."""
    chosen = (torch.rand(batch.ids.shape) < MASKED_SHARE) & (batch.ids > mask_id)
    chosen[batch.masked_rows :] = False
    return batch.ids.masked_fill(chosen, mask_id), chosen


def _masked_loss(
    hidden: Tensor, batch: Batch, chosen: Tensor, heads: Heads, embeddings: Tensor
) -> Tensor:
    logits = heads.transform(hidden[chosen]) @ embeddings.T + heads.bias
    return functional.cross_entropy(logits, batch.ids[chosen])


def _mention_loss(hidden: Tensor, batch: Batch, heads: Heads) -> Tensor:
    pairs = zip(batch.encodings, batch.rows, strict=True)
    found = [
        (row, *item)
        for row, (code, text) in enumerate(pairs)
        for item in previous_mentions(code, text.text)
    ]
    row, position, before, after = torch.tensor(found).unbind(1)
    states = hidden[row, position]
    return functional.cross_entropy(heads.before(states), before) + functional.cross_entropy(
        heads.after(states), after
    )


def _moved_labels(batch: Batch) -> Tensor:
    """Return 1.0 for each token that lies in an exchanged range, else 0.0."""
    labels = torch.zeros(batch.ids.shape)
    for row, (encoding, text) in enumerate(zip(batch.encodings, batch.rows, strict=True)):
        for place, (first, last) in enumerate(encoding.offsets):
            labels[row, place] = float(
                any(left <= first < last <= right for left, right in text.moved)
            )
    return labels


def _order_loss(
    hidden: Tensor, batch: Batch, heads: Heads, model: ModernBertForSequenceClassification
) -> Tensor:
    """Judge tokens (was this one moved) and whole functions (was anything moved) on the rows that are not masked."""
    rows = slice(batch.masked_rows, None)
    real, states = (batch.ids[rows] != 0), hidden[rows]
    pooled = (states * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
    disturbed = torch.tensor([float(bool(row.moved)) for row in batch.rows[rows]])
    judge = functional.binary_cross_entropy_with_logits
    tokens = judge(heads.moved(states).squeeze(-1)[real], _moved_labels(batch)[rows][real])
    return tokens + judge(heads.disturbed(model.head(pooled)).squeeze(-1), disturbed)


def losses(
    model: ModernBertForSequenceClassification, heads: Heads, batch: Batch, mask_id: int
) -> dict[str, Tensor]:
    """Return the loss of each objective on one batch; with only masked rows, masked-language modelling alone."""
    inputs, chosen = _mask(batch, mask_id)
    hidden = model.model(input_ids=inputs, attention_mask=(batch.ids != 0).long()).last_hidden_state
    embeddings = model.get_input_embeddings().weight
    parts = {"masked": _masked_loss(hidden, batch, chosen, heads, embeddings)}
    if batch.masked_rows < len(batch.rows):
        parts["mentions"] = 0.5 * _mention_loss(hidden, batch, heads)
        parts["order"] = _order_loss(hidden, batch, heads, model)
    return parts
