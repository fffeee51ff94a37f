"""The space of a search: levels from types and from ``--knobs``, points as settings."""

from __future__ import annotations

import numpy as np
import pytest

from greenbench.errors import UsageError
from greenbench.experiment.knob_trials import knob_trial
from greenbench.options import BASELINE
from greenbench.search.knob_levels import space_of


def levels(text: str) -> dict[str, tuple[object, ...]]:
    """Return the levels that a text gives to each knob."""
    return {axis.knob: axis.levels for axis in space_of(text, BASELINE).axes}


@pytest.mark.parametrize(
    ("text", "knob", "expected"),
    [
        ("data.batch_size=8..128", "data.batch_size", (8, 16, 32, 64, 128)),
        ("max_length=24,48", "data.max_length", (None, 24, 48)),
        ("inference.skip_layers=0..0.5", "inference.skip_layers", (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ("training.precision", "training.precision", ("fp32", "bf16", "fp16")),
        ("training.compile=true", "training.compile", (False, True)),
        ("system.cpu_threads=1..2", "system.cpu_threads", (None, 1, 2)),
        ("architecture.weight_format=int8", "architecture.weight_format", ("fp32", "int8")),
    ],
)
def test_levels_come_from_ranges_lists_and_types(
    text: str, knob: str, expected: tuple[object, ...]
) -> None:
    """A range, a list or a knob's type gives its levels, the baseline's among them."""
    assert levels(text) == {knob: expected}


def test_several_knobs_are_divided_by_their_names() -> None:
    """A word that is no knob is a further value of the one before."""
    found = levels("data.batch_size=16,64,inference.skip_layers=0.17,training.precision=bf16")
    assert list(found) == ["data.batch_size", "inference.skip_layers", "training.precision"]
    assert found["data.batch_size"] == (16, 32, 64)


def test_without_names_every_knob_is_taken_that_has_values() -> None:
    """The whole space has what ``knobs --measure`` tries, but for what takes long."""
    found = levels("")
    assert "data.tokenizer" in found
    assert "training.compile" not in found
    assert "training.finetune" not in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data.batch_sise=8", "--knobs: 'data.batch_sise' is no knob"),
        ("data.batch_size=0..8", "--knobs: data.batch_size=0: it takes a whole number from 1"),
        ("data.batch_size=9..8", "the lower end is not below the upper"),
        ("training.precision=bf16..fp16", "has no range; list values"),
        ("training.precision=int4", "--knobs: training.precision=int4: it takes fp32, bf16"),
        ("data.batch_size=32", "data.batch_size is 32 in V0 already"),
        ("max_length=8,data.max_length=16", "stands there twice"),
        ("batch_size=8", "'batch_size' is data.batch_size or inference.batch_size; write one"),
        ("architecture.lora_targets", "nothing says which values to try"),
    ],
)
def test_what_is_no_space_is_refused_in_a_sentence(text: str, message: str) -> None:
    """The sentence names the knob, what was found and what it takes."""
    with pytest.raises(UsageError) as error:
        space_of(text, BASELINE)
    assert message in str(error.value)


def test_the_text_of_every_point_makes_its_variant() -> None:
    """``--set`` reads what a point's text says, for all points that can run."""
    space = space_of(
        "data.batching,training.compile,inference.skip_layers=0.17,system.cpu_threads=1", BASELINE
    )
    possible = 0
    for point in space.every():
        if point == space.baseline or space.impossible(point):
            continue
        possible += 1
        assert knob_trial(space.text(point)).options == space.trial(point).options
    assert 0 < possible < space.size - 1


def test_impossible_combinations_are_pruned() -> None:
    """Knobs that contradict each other make no point that is measured."""
    space = space_of("data.batching=packed,training.compile=true", BASELINE)
    assert "training.compile takes plain or bucketed" in space.impossible((1, 1))
    assert space.impossible((1, 0)) == ""


def test_random_points_are_of_the_space() -> None:
    """Each level is one that its knob has."""
    space = space_of("data.batch_size=8..128,training.precision", BASELINE)
    draw = np.random.default_rng(0)
    every = set(space.every())
    assert all(space.random(draw) in every for _ in range(50))


def test_power_and_clocks_are_late() -> None:
    """Limits of the device are searched last; threads are not."""
    space = space_of("system.gpu_power_fraction,system.cpu_threads,data.batch_size", BASELINE)
    assert [axis.late for axis in space.axes] == [True, False, False]
