"""Texts end where a model has no more positions, and a knob beyond that is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from stages import families
from stages.small_decoders import SIZE as WRITING
from stages.small_runs import SHORT

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import CAUSAL_LM, TWO_CLASSES
from greenbench.errors import UsageError
from greenbench.stages import input_lengths

if TYPE_CHECKING:
    from pathlib import Path


def stated(folder: Path, kind: str) -> Checkpoint:
    """Return a checkpoint of the family whose configuration alone is there."""
    families.drawn(kind).config.save_pretrained(folder)
    checkpoint = Checkpoint("M", str(folder), head=CAUSAL_LM)
    checkpoint.__dict__["folder"] = folder  # it lacks what else is looked for
    return checkpoint


@pytest.mark.parametrize(
    ("kind", "most"),
    [("bert", 256), ("roberta", 256), ("gpt2", 256), ("phi", 256), ("mamba", None)],
)
def test_positions_are_those_of_the_configuration(
    kind: str, most: int | None, tmp_path: Path
) -> None:
    """RoBERTa's first position is behind its padding token: two of its rows are never used."""
    assert stated(tmp_path, kind).most_tokens == most


def test_inputs_end_where_the_model_does_and_leave_room_for_what_is_written(tmp_path: Path) -> None:
    """The profile's length counts if the model has positions for it; else a warning is told."""
    model = stated(tmp_path, "gpt2")
    short, long = replace(WRITING, max_tokens=100), replace(WRITING, max_tokens=1000)
    left = 256 - WRITING.max_new_tokens
    assert input_lengths.usual(model, short) == 100
    assert input_lengths.usual(model, long) == input_lengths.asked(model, long, None) == left
    assert input_lengths.asked(model, short, left) == left
    assert input_lengths.doubts(100, short) == ()
    (warning,) = input_lengths.doubts(left, long)
    assert f"positions for {left} tokens of an input, and the profile cuts at 1000" in warning
    with pytest.raises(UsageError, match=rf"max_length: {left + 1} was .* set at most {left}"):
        input_lengths.asked(model, short, left + 1)
    with pytest.raises(UsageError, match="has positions for 256 tokens, and the profile has it wr"):
        input_lengths.usual(model, replace(WRITING, max_new_tokens=256))


def test_a_model_without_a_limit_is_cut_where_the_profile_says(tmp_path: Path) -> None:
    """Nothing is known that could be in the way."""
    model = replace(stated(tmp_path, "mamba"), head=TWO_CLASSES)
    model.__dict__["folder"] = tmp_path
    assert input_lengths.usual(model, SHORT) == SHORT.max_tokens
    assert input_lengths.asked(model, SHORT, 10_000) == 10_000
