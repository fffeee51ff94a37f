"""The self-supervised objectives that pretrain the small ModernBERT, and the heads that they need.

Does: build one batch from unlabelled functions and return its losses. Part of the rows train
masked-language modelling (BERT, arXiv 1810.04805); the others predict which tokens were moved and
whether the function was disturbed (`corruption`); every row predicts, at each name, the tokens
around the name's previous mention, a cheap relative of GraphCodeBERT's "where does this value come
from" (arXiv 2009.08366). The heads are thrown away afterwards.
Does not: see vulnerability labels.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
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
    """A name's last token, and the token ids around the name's previous mention in the function."""

    position: int
    before: int
    after: int


class PretrainingBatch(NamedTuple):
    """Token ids (rows x longest, 0 is padding), encodings, and what was done to each row's text."""

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
        self.before = nn.Linear(hidden, vocabulary)
        self.after = nn.Linear(hidden, vocabulary)
        self.moved = nn.Linear(hidden, 1)
        self.disturbed = nn.Linear(hidden, 1)


def previous_mentions(encoding: Encoding, text: str) -> list[Mention]:
    """Find the names of `text` that were mentioned before, with the tokens around that mention."""
    starts, ends = _token_bounds(encoding, text)
    mentions = []
    previous: dict[str, tuple[int, int]] = {}
    for match in _NAME.finditer(text):
        name = match.group()
        start = starts.get(match.start())
        end = ends.get(match.end())
        if start is None or end is None:
            continue
        if name in previous:
            left, right = previous[name]
            mentions.append(Mention(end, encoding.ids[left - 1], encoding.ids[right + 1]))
        previous[name] = (start, end)
    return mentions


def _token_bounds(encoding: Encoding, text: str) -> tuple[dict[int, int], dict[int, int]]:
    """Return which token starts, and which one ends, at a character."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for place, (first, last) in enumerate(encoding.offsets):
        if last <= first:
            continue
        # A token may begin with the space before the name.
        has_space = text[first] == " " and last - first > 1
        starts.setdefault(first + has_space, place)
        ends[last] = place
    return starts, ends


def draw_batch(
    rng: Random, tokenizer: Tokenizer, texts: Sequence[str], masked_rows: int
) -> PretrainingBatch:
    """Disturb about half of the rows after the first `masked_rows` and tokenise them all."""
    rows = [Corrupted(text, ()) for text in texts[:masked_rows]]
    for text in texts[masked_rows:]:
        disturb = rng.randrange(2)
        rows.append(corrupt(rng, text) if disturb else Corrupted(text, ()))
    encodings = tokenizer.encode_batch([row.text for row in rows])
    ids = pad_sequence([torch.tensor(encoding.ids) for encoding in encodings], batch_first=True)
    return PretrainingBatch(ids, encodings, rows, masked_rows)


def _mask(batch: PretrainingBatch, mask_id: int) -> tuple[Tensor, Tensor]:
    """Return the model's input and where the masked rows lost a token; special tokens stay."""
    chosen = (torch.rand(batch.ids.shape) < MASKED_SHARE) & (batch.ids > mask_id)
    chosen[batch.masked_rows :] = False
    return batch.ids.masked_fill(chosen, mask_id), chosen


def _masked_loss(
    hidden: Tensor, batch: PretrainingBatch, chosen: Tensor, heads: Heads, embeddings: Tensor
) -> Tensor:
    logits = heads.transform(hidden[chosen]) @ embeddings.T + heads.bias
    return cross_entropy(logits, batch.ids[chosen])


def _mention_loss(hidden: Tensor, batch: PretrainingBatch, heads: Heads) -> Tensor:
    table = []
    for row, corrupted in enumerate(batch.rows):
        for mention in previous_mentions(batch.encodings[row], corrupted.text):
            table.append((row, *mention))
    row_of, position, before, after = torch.tensor(table).unbind(1)
    states = hidden[row_of, position]
    loss_before = cross_entropy(heads.before(states), before)
    loss_after = cross_entropy(heads.after(states), after)
    return loss_before + loss_after


def _moved_labels(batch: PretrainingBatch) -> Tensor:
    """Return 1.0 for each token that lies in an exchanged range, else 0.0."""
    labels = torch.zeros(batch.ids.shape)
    for row, corrupted in enumerate(batch.rows):
        for place, (first, last) in enumerate(batch.encodings[row].offsets):
            if any(left <= first < last <= right for left, right in corrupted.moved):
                labels[row, place] = 1.0
    return labels


def _order_loss(
    hidden: Tensor,
    batch: PretrainingBatch,
    heads: Heads,
    model: ModernBertForSequenceClassification,
) -> Tensor:
    """Judge tokens (was it moved) and functions (was any moved) on the rows that are not masked."""
    rows = slice(batch.masked_rows, None)
    real = batch.ids[rows] != 0
    states = hidden[rows]
    moved = heads.moved(states).squeeze(-1)
    token_loss = binary_cross_entropy_with_logits(moved[real], _moved_labels(batch)[rows][real])
    pooled = (states * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
    disturbed = heads.disturbed(model.head(pooled))
    labels = [float(bool(row.moved)) for row in batch.rows[rows]]
    return token_loss + binary_cross_entropy_with_logits(
        disturbed.squeeze(-1), torch.tensor(labels)
    )


def losses(
    model: ModernBertForSequenceClassification, heads: Heads, batch: PretrainingBatch, mask_id: int
) -> dict[str, Tensor]:
    """Return the loss of each objective on one batch.

    With only masked rows that is masked-language modelling alone.
    """
    inputs, chosen = _mask(batch, mask_id)
    hidden = model.model(input_ids=inputs, attention_mask=(batch.ids != 0).long()).last_hidden_state
    embeddings = model.get_input_embeddings().weight
    parts = {"masked": _masked_loss(hidden, batch, chosen, heads, embeddings)}
    if batch.masked_rows < len(batch.rows):
        parts["mentions"] = 0.5 * _mention_loss(hidden, batch, heads)
        parts["order"] = _order_loss(hidden, batch, heads, model)
    return parts
