"""Combinations of a variant's stages: which there are, what they set, and what is refused."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest

from greenbench.errors import UsageError
from greenbench.experiment import matrix
from greenbench.experiment.factorial import Factorial, StageChoice, factorial, stage_choice
from greenbench.experiment.option_parsers import RawOption
from greenbench.options import STAGES, DataOptions, Options

ROOT = Path(__file__).parents[2]
VARIANTS = matrix.load(ROOT / "experiment.md", ROOT / "variants").variants
(ALL,) = [variant for variant in VARIANTS if variant.name == "V7_all_optimised"]
V7 = ALL.options


def made(value: object) -> Factorial:
    """Return the combinations of the project's own matrix for a value of the option."""
    choice = stage_choice(RawOption("--green-factorial", value))
    assert choice is not None
    return factorial(choice, VARIANTS)


def test_each_combination_has_the_settings_of_the_stages_that_are_on() -> None:
    """All others are V0's, a swept batch size too, and no two combinations are the same."""
    found = made("inference, training,data,architecture")
    assert found.stages == ("data", "architecture", "training", "inference")
    assert len({one.variant.options for one in found.combinations}) == 16
    for one in found.combinations:
        for stage in STAGES:
            source = V7 if stage in one.on else Options()
            assert getattr(one.variant.options, stage) == getattr(source, stage)
        assert not one.variant.sweep


def test_one_set_of_options_has_one_name() -> None:
    """A folder with a combination's options stands for it; others are named by their stages."""
    found = made("data,training,inference")
    assert [one.variant.name for one in found.combinations] == [
        "V0_baseline",
        "F7_data",
        "V2_training",
        "V3_inference",
        "V5_data_training",
        "F7_data_inference",
        "F7_training_inference",
        "V6_data_inference_training",
    ]
    assert {v.name for v in found.joined(VARIANTS)} - {v.name for v in VARIANTS} == {
        name for name in found.names if name.startswith("F7_")
    }


def test_half_of_five_stages_tells_all_effects_of_one_and_two_apart() -> None:
    """Products of up to four columns of signs sum to 0 (resolution V), and that of all is +."""
    found = made("V7:data,architecture,training,system,inference")
    baseline, *half = found.combinations
    assert (baseline.variant.name, baseline.on, len(half)) == ("V0_baseline", (), 16)
    assert half[-1].variant.name == "V7_all_optimised"
    for size in range(1, 6):
        for effect in itertools.combinations(STAGES, size):
            signs = [math.prod(1 if s in one.on else -1 for s in effect) for one in half]
            assert sum(signs) == (16 if size == len(STAGES) else 0)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("data", "found 'data'; name two stages or more, of data, architecture, training,"),
        ("data,data", "found 'data,data'; name two stages or more"),
        ("data,trainig", r"'trainig' is no stage; stages are .*; did you mean 'training'\?"),
        ("data,", "'' is no stage; stages are data,"),
        (":data,training", "write STAGE,STAGE,... or VARIANT:STAGE"),
        (["data", "training"], r"found \['data', 'training'\]; write STAGE,STAGE,..."),
        ("V9:data,training", "there is no variant 'V9'; experiment.md has V0_baseline, V1_data"),
        ("V3:data,inference", "V3_inference sets nothing in data, so that turning it on would"),
        ("V0_baseline:data,training", "V0_baseline sets nothing in data.*; it sets .* in no stage"),
    ],
)
def test_what_makes_no_experiment_is_refused(value: object, problem: str) -> None:
    """The sentence says what was found, and what is allowed or there."""
    with pytest.raises(UsageError, match=f"^--green-factorial: .*{problem}"):
        made(value)


def test_a_stage_that_is_only_swept_changes_nothing() -> None:
    """Sweeps take no part, and the sentence says so."""
    swept = replace(VARIANTS[1], options=Options(), sweep={"data.batch_size": (16, 64)})
    with pytest.raises(UsageError, match="V1_data only sweeps in data, and no sweep takes part"):
        factorial(StageChoice(stages=("data", "training"), origin="V1"), [VARIANTS[0], swept])


def test_a_combination_that_cannot_run_is_refused() -> None:
    """The batch of one stage and the micro-batches of another have to fit without each other."""
    options = replace(V7, data=DataOptions(batch_size=6))
    options = replace(options, training=replace(V7.training, accumulation_steps=3))
    odd = replace(ALL, options=options)
    problem = "F7_training cannot run: training.accumulation_steps 3 does not divide"
    with pytest.raises(UsageError, match=f"^--green-factorial: {problem}"):
        factorial(StageChoice(stages=("data", "training")), [VARIANTS[0], odd])
