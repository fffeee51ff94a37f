"""The objectives that pretrain the small ModernBERT have the labels that they claim."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import torch

from greenbench.data.models import modernbert
from greenbench.data.models.modernbert_tiny.make import make_model
from greenbench.data.models.modernbert_tiny.objectives import (
    Heads,
    _moved_labels,
    draw_batch,
    losses,
    previous_mentions,
)
from greenbench.data.synthetic.c_functions import generate

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEXTS = [function.text for function in generate(40, 5)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Train a tokenizer on the texts of this module."""
    return modernbert.train_tokenizer(TEXTS, 400)


def test_a_mention_holds_the_tokens_around_the_name_s_previous_mention(
    tokenizer: Tokenizer,
) -> None:
    """Of ``a``, ``b`` and ``a`` again only the last has a previous mention, between ( and >."""
    text = "(a> b; a)"
    encoding = tokenizer.encode(text)
    (mention,) = previous_mentions(encoding, text)
    around = [tokenizer.decode([token]) for token in (mention.before, mention.after)]
    first, last = encoding.offsets[mention.position]
    assert text[first:last].strip() == "a"
    assert first > text.index("b")
    assert around == ["(", ">"]


def test_the_tokens_of_an_exchanged_range_are_labelled_moved(tokenizer: Tokenizer) -> None:
    """Each row's labelled tokens cover text inside its moved ranges; masked rows have none."""
    batch = draw_batch(Random(2), tokenizer, TEXTS[:20], masked_rows=5)
    labels = _moved_labels(batch)
    assert not labels[:5].any()
    assert [bool(row.any()) for row in labels] == [bool(row.moved) for row in batch.rows]
    for row, encoding, corrupted in zip(labels, batch.encodings, batch.rows, strict=True):
        for (first, last), label in zip(encoding.offsets, row.tolist(), strict=False):
            inside = any(left <= first and last <= right for left, right in corrupted.moved)
            assert bool(label) == (inside and last > first)


def test_masked_rows_alone_train_masked_language_modelling_alone(tokenizer: Tokenizer) -> None:
    """The other objectives need rows that are not masked."""
    torch.manual_seed(0)
    model = make_model()
    heads = Heads(model.config.hidden_size, model.config.vocab_size)
    names = []
    for masked_rows in (4, 8):
        batch = draw_batch(Random(0), tokenizer, TEXTS[:8], masked_rows)
        parts = losses(model, heads, batch, modernbert.MASK)
        assert all(part.isfinite() for part in parts.values())
        names.append(list(parts))
    assert names == [["masked", "mentions", "order"], ["masked"]]
