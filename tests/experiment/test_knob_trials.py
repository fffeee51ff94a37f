"""Variants of single knobs: what ``--green-knob`` makes, and what is tried of each knob."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenbench.errors import UsageError
from greenbench.experiment import knob_candidates, matrix
from greenbench.experiment.knob_candidates import affordable, candidates
from greenbench.experiment.knob_list import described_knobs
from greenbench.experiment.knob_trials import (
    LONGEST_NAME,
    KnobTrial,
    is_shortened,
    knob_trials,
    trial_variants,
)
from greenbench.experiment.option_parsers import RawOption
from greenbench.options import DataOptions, InferenceOptions, Options

ROOT = Path(__file__).parents[2]
VARIANTS = matrix.load(ROOT / "experiment.md", ROOT / "variants").variants


def trials(*texts: str) -> tuple[KnobTrial, ...]:
    """Return what the option requests, repeated."""
    return knob_trials(RawOption("--green-knob", list(texts)))


def test_each_trial_is_a_variant_named_after_what_it_sets() -> None:
    """V0 stands first, a folder with the same options for a trial, and the same is made once."""
    pair = "inference.skip_layers=0.5 inference.layer_choice=top"
    made = trial_variants(
        trials("data.batch_size=64", pair, "inference.skip_layers=0.17", "data.batch_size=64"),
        VARIANTS,
    )
    assert [variant.name for variant in made] == [
        "V0_baseline",
        "K0_data_batch_size_64",
        "K0_inference_skip_layers_0_5_layer_choice_top",
        "V3_inference",
    ]
    assert made[1].options == Options(data=DataOptions(batch_size=64))
    chosen = InferenceOptions(skip_layers=0.5, layer_choice="top")
    assert made[2].options == Options(inference=chosen)


def test_a_variant_of_many_knobs_has_a_name_that_a_table_can_show() -> None:
    """It keeps the first knob; two that begin alike differ, and the same knobs are named alike."""
    knobs = "data.tokenizer=rust training.optimizer=adamw_fused system.cpu_threads=1"
    names = [
        trial.name
        for trial in trials(f"{knobs} inference.batch_size=64", f"{knobs} inference.batch_size=16")
    ]
    assert names[0] != names[1]
    for name in names:
        assert name.startswith("K0_data_tokenizer_rust_and_3_more_")
        assert is_shortened(name)
        assert len(name) <= LONGEST_NAME
    assert trials(f"{knobs} inference.batch_size=64")[0].name == names[0]
    assert not is_shortened(trials("data.batch_size=64")[0].name)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("batch_size=64", "found 'batch_size=64'; write STAGE.KNOB=VALUE"),
        ("data.batch_size", "found 'data.batch_size'; write STAGE.KNOB=VALUE"),
        ("data.batch=64", "data has no 'batch'"),
        ("data.batch_size=0", "data.batch_size cannot be 0; allowed: a whole number from 1"),
        ("data.batch_size=[8,16]", "give one value, and repeat --green-knob for another"),
        ("data.batch_size=32", "found 'data.batch_size=32', which is V0 itself"),
    ],
)
def test_what_no_variant_can_set_is_refused(text: str, problem: str) -> None:
    """The sentence says what was found and what is allowed."""
    with pytest.raises(UsageError, match=r"^--green-knob: ") as error:
        trials(text)
    assert problem in str(error.value)


def test_knobs_that_contradict_each_other_are_refused() -> None:
    """The rules of config.yaml hold, before anything runs."""
    for text, problem in (
        ("training.accumulation_steps=5", "does not divide data.batch_size 32"),
        ("architecture.quantizer=torchao", "does nothing while weight_format is fp32"),
    ):
        with pytest.raises(UsageError, match=f"{text} cannot run: .*{problem}"):
            trial_variants(trials(text), VARIANTS)
    with pytest.raises(UsageError, match=r"experiment\.md has no baseline"):
        trial_variants(trials("data.batch_size=64"), VARIANTS[1:])


def test_every_knob_is_tried_or_named_with_a_reason() -> None:
    """No knob is passed over, each has a value to try, and no trial contradicts itself."""
    tried, untried = candidates()
    knobs = {trial.settings[-1][0] for trial in tried} | {
        one.knob.split()[-1].partition("=")[0] for one in untried
    }
    assert knobs == {description.knob for description in described_knobs()}
    assert [one.knob for one in untried if one.reason == knob_candidates.NO_VALUE] == []
    assert len({trial.options for trial in tried}) == len(tried)
    assert {trial.name for trial in trial_variants_of(tried)} >= {"K0_data_batch_size_8"}


def trial_variants_of(tried: list[KnobTrial]) -> list[KnobTrial]:
    """Return the trials, after making all their variants at once."""
    assert len(trial_variants(tried, VARIANTS)) == len(tried) + 1
    return tried


def test_a_knob_without_an_entry_is_tried_at_its_other_choices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So a new knob of words or of a switch is measured without a line in the table."""
    monkeypatch.setattr(knob_candidates, "VALUES", {})
    tried, untried = candidates(["optimizer", "data"])
    texts = [trial.text for trial in tried]
    assert {"data.tokenizer=rust", "training.optimizer=sgd"} <= set(texts)
    assert {"data.batch_size=16", "data.batch_size=64"} <= set(texts)
    assert {one.knob for one in untried} >= {"data.workers"}


def test_only_takes_stages_and_knobs() -> None:
    """A knob with or without its stage; an unknown word is refused with what was meant."""
    tried, _ = candidates(["batch_size", "inference.skip_layers"])
    assert {trial.settings[-1][0] for trial in tried} >= {
        "data.batch_size",
        "inference.skip_layers",
    }
    assert {trial.settings[-1][0].partition(".")[0] for trial in tried} == {"data", "inference"}
    with pytest.raises(UsageError, match=r"--only: 'infrence' is .*; did you mean 'inference'"):
        candidates(["infrence"])


def test_what_takes_minutes_is_measured_only_if_it_is_named() -> None:
    """It is told with the way to have it."""
    trials, _ = candidates(["training"])
    kept, left_out = affordable(trials, ["training"])
    assert [one.knob for one in left_out] == ["training.compile=true"]
    assert left_out[0].reason.endswith("--only training.compile measures it")
    assert len(kept) == len(trials) - 1
    named, _ = candidates(["training.compile"])
    assert affordable(named, ["training.compile"]) == (named, [])
    assert affordable(named, ["compile"]) == (named, [])


def test_weight_formats_that_are_named_are_tried_in_several_batches() -> None:
    """INT8 beside FP32 in each, once; where nobody asks for them they would cost minutes."""
    series = {
        f"{held}inference.batch_size={size}"
        for held in ("", "architecture.weight_format=int8 ")
        for size in (8, 128)
    }
    named = [trial.text for trial in candidates(["weight_format", "inference.batch_size"])[0]]
    assert series <= set(named)
    assert len(named) == len(set(named))
    everything = {trial.text for trial in candidates()[0]}
    assert not {text for text in series if "int8" in text} & everything
