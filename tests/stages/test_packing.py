"""Several examples in one row: nothing is lost, moved or seen by another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.small_runs import START

from greenbench.errors import UnavailableError
from greenbench.stages import packing
from greenbench.stages.objectives.classification import Classification

if TYPE_CHECKING:
    from torch import nn

untimed = settings(deadline=None, max_examples=50)


def padded(lengths: list[int]) -> dict[str, torch.Tensor]:
    """Return texts of these lengths, of different tokens, padded on the right with 0."""
    rows = [([100 * i + t + 1 for t in range(n)], i % 2) for i, n in enumerate(lengths)]
    return Classification(None, 0).training_batch(rows)


@untimed
@given(st.lists(st.integers(1, 12), min_size=1, max_size=20))
def test_every_example_lies_whole_in_one_row(lengths: list[int]) -> None:
    """Its tokens stand together from where it starts, numbered from 0; all others are padding."""
    batch = padded(lengths)
    packed = packing.pack(batch, 0)
    width = packed["input_ids"].shape[1]
    assert max(lengths) <= width <= 2 * max(lengths)
    assert packed["input_ids"].numel() <= batch["input_ids"].numel()
    flat = {name: packed[name].flatten() for name in ("input_ids", "position_ids")}
    for number, start in enumerate(packed["starts"].tolist()):
        end = start + lengths[number]
        assert start // width == (end - 1) // width
        own = batch["input_ids"][number, : lengths[number]]
        assert flat["input_ids"][start:end].tolist() == own.tolist()
        assert flat["position_ids"][start:end].tolist() == list(range(lengths[number]))
    assert int((packed["attention_mask"] > 0).sum()) == sum(lengths)
    assert packed["labels"].tolist() == batch["labels"].tolist()
    assert packing.examples(packed) == len(lengths)


@untimed
@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_no_two_rows_have_room_for_each_other(lengths: list[int]) -> None:
    """First fit leaves at most one row that is half empty."""
    room = max(lengths) + 3
    rows = packing.first_fit(lengths, room)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    filled = [sum(lengths[number] for number in row) for row in rows]
    assert max(filled) <= room
    assert sum(2 * tokens <= room for tokens in filled) <= 1


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_packed_logits_are_those_of_single_texts(pooling: str, attention: str) -> None:
    """With either pooling and either attention, an example never sees its neighbours."""
    net = model(pooling, attention)
    lengths = [50, 3, 20, 27, 44, 1, 9]
    batch = padded(lengths)
    batch["input_ids"] %= 700
    del batch["labels"]
    packed = packing.pack(batch, 0)
    assert len(packed["input_ids"]) < len(lengths)
    with torch.inference_mode():
        whole, mine = net(**batch).logits, packing.run(net, packed).logits
        alone = [
            net(input_ids=row[:n][None]).logits[0]
            for row, n in zip(batch["input_ids"], lengths, strict=True)
        ]
    assert torch.allclose(mine, whole, atol=1e-4)
    assert torch.allclose(mine, torch.stack(alone), atol=1e-4)
    assert not net.base_model._forward_hooks
    assert not net.base_model._forward_pre_hooks


def model(pooling: str, attention: str) -> nn.Module:
    """Return the shipped classifier with another pooling and attention."""
    net = START.load().eval()
    net.config.classifier_pooling = pooling
    net.set_attn_implementation(attention)
    return net


def test_attention_without_masks_is_refused() -> None:
    """The sentence says what the model attends with, and what would work."""
    net = model("mean", "sdpa")
    net.config._attn_implementation = "flash_attention_2"
    with pytest.raises(UnavailableError, match=r"packed needs attention .* flash_attention_2"):
        packing.run(net, packing.pack(padded([3, 2]), 0))
