"""Knobs that a suite declares: what their class may say, and options that hold them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.experiment.config import parse_config
from greenbench.experiment.factorial import StageChoice, factorial
from greenbench.experiment.knob_list import described_knobs
from greenbench.experiment.knob_trials import knob_trial
from greenbench.experiment.knobs import with_knob
from greenbench.knobs.kinds import knob_type
from greenbench.knobs.own import knob, own_options
from greenbench.options import (
    Difference,
    Options,
    baseline_of,
    differences,
    extended,
    own_knobs,
    restricted,
)
from greenbench.types import Variant

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Own:
    """Knobs of each kind."""

    max_iter: int = knob(100, least=1, proof=lambda model: model.n_iter, meaning="Passes at most.")
    solver: Literal["lbfgs", "saga"] = "lbfgs"
    depth: int | None = knob(None, least=1)
    scaled: bool = knob(default=False, stage="data")


def scale(data: object) -> bool:
    """Read it back."""
    return bool(data)


DECLARED = own_options(Own, {"scaled": scale}, "tasks/T3.py")
BASELINE = extended(DECLARED.knobs)


def test_a_field_is_a_knob_of_its_stage_with_type_and_baseline() -> None:
    """Type, limits, default and meaning are those of the field, and so is whether it is proved."""
    own = {one.knob: one for one in described_knobs(BASELINE) if one.own}
    assert {name: one.values for name, one in own.items()} == {
        "data.scaled": "true or false",
        "training.max_iter": "a whole number from 1",
        "training.solver": "lbfgs, saga",
        "training.depth": "a whole number from 1, or null",
    }
    assert [name for name, one in own.items() if one.proved] == ["data.scaled", "training.max_iter"]
    assert own["training.max_iter"].meaning == "Passes at most."
    assert [one.knob for one in own_knobs(BASELINE)] == list(own)
    assert own_knobs(Options()) == ()


@settings(max_examples=20)
@given(st.integers(1, 10**6), st.sampled_from(["lbfgs", "saga"]), st.booleans())
def test_config_yaml_sets_own_knobs_like_any_other(steps: int, solver: str, scaled: bool) -> None:  # noqa: FBT001
    """What the file says is in the options, in the differences, and in the suite's own object."""
    text = f"training: {{max_iter: {steps}, solver: {solver}}}\ndata: {{scaled: {scaled}}}\n"
    config = parse_config(text, "config.yaml", BASELINE)
    changed = {"max_iter": steps} if steps != 100 else {}
    changed |= {"solver": solver} if solver != "lbfgs" else {}
    changed |= {"scaled": scaled} if scaled else {}
    found = {change.knob.partition(".")[2]: change.here for change in differences(config.options)}
    assert found == changed
    assert DECLARED.of(config.options) == replace(Own(), **changed)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("training: {max_iter: 0}", "max_iter cannot be 0; allowed: a whole number from 1"),
        ("training: {max_itr: 5}", "training has no 'max_itr'"),
        ("training: {solver: sag}", "allowed: lbfgs, saga"),
        ("max_iter: 5", "max_iter is a knob of training: indent it under 'training:'"),
        ("training: {max_iter: 100}", "training.max_iter is 100 in the baseline already"),
    ],
)
def test_a_wrong_value_of_an_own_knob_is_refused(text: str, problem: str) -> None:
    """The sentences are those of every knob."""
    assert problem in parse_config(text, "config.yaml", BASELINE).problems[0]


def test_a_sweep_and_a_single_knob_take_own_knobs() -> None:
    """A list makes a cell of each value, and --green-knob finds the suite's knob."""
    swept = parse_config("training: {max_iter: [10, 50]}", "config.yaml", BASELINE)
    assert dict(swept.sweep) == {"training.max_iter": (10, 50)}
    trial = knob_trial("training.max_iter=50", BASELINE)
    here = Difference(knob="training.max_iter", baseline=100, here=50)
    assert differences(trial.options) == (here,)
    assert trial.name == "K0_training_max_iter_50"


def test_a_factorial_turns_stages_with_own_knobs_on_and_off(
    tmp_path: Path,
) -> None:
    """A combination has the own knobs of the stages that are on, and V0's of the others."""
    both = with_knob(with_knob(BASELINE, "training.max_iter", 9), "data.scaled", value=True)
    known = []
    for name, options in (("V0_a", BASELINE), ("V7_b", both)):
        known.append(Variant(name=name, title="", options=options, folder=tmp_path))
    made = factorial(StageChoice(stages=("data", "training")), known)
    changed = [[d.knob for d in differences(c.variant.options)] for c in made.combinations]
    assert changed == [
        [],
        ["data.scaled"],
        ["training.max_iter"],
        ["data.scaled", "training.max_iter"],
    ]


def test_options_compare_by_their_declarations() -> None:
    """The same declarations read twice give equal baselines; a task without them has plain ones."""
    again = extended(own_options(Own, {"scaled": scale}, "elsewhere").knobs)
    assert again == BASELINE != Options()
    set_ = with_knob(again, "training.max_iter", 7)
    assert baseline_of(set_) == BASELINE
    assert restricted(set_, ()) == Options()
    assert differences(restricted(set_, DECLARED.knobs)) == differences(set_)
    assert knob_type("training.max_iter", set_).kind is int


def test_a_knob_of_the_suite_changes_no_other_suite() -> None:
    """Nothing global is declared: without the baseline the knob is unknown."""
    assert "training has no 'max_iter'" in parse_config("training: {max_iter: 5}", "c").problems[0]


@dataclass
class Loose:
    """It can be changed."""

    steps: int = 1


@dataclass(frozen=True)
class NoDefault:
    """It has no baseline."""

    steps: int


@dataclass(frozen=True)
class Listed:
    """Its kind is none of a knob's."""

    steps: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class BuiltIn:
    """Its name is taken."""

    optimizer: str = "sgd"


@dataclass(frozen=True)
class Outside:
    """Its default is beyond its bounds."""

    steps: int = knob(0, least=1)


@dataclass(frozen=True)
class Elsewhere:
    """Its stage is none."""

    steps: int = knob(1, stage="fit")


@dataclass(frozen=True)
class ChosenNumbers:
    """Choices are texts."""

    steps: int = knob(1, choices=("1", "2"))


@dataclass(frozen=True)
class BoundedText:
    """A text has no bounds."""

    name: str = knob("a", least=1)


@dataclass(frozen=True)
class Named:
    """It has one knob."""

    name: str = "a"


class Plain:
    """No dataclass."""


@pytest.mark.parametrize(
    ("made_by", "problem"),
    [
        (Plain, "Plain is no dataclass; write @dataclass"),
        (Loose, "Loose can be changed, and one object serves all rounds"),
        (NoDefault, r"NoDefault.steps has no default, which is V0's value; write steps: int = 100"),
        (Listed, r"Listed.steps has no default|is annotated with list\[int\]"),
        (BuiltIn, "greenbench has a knob training.optimizer already; give yours another name"),
        (Outside, "Outside.steps is 0 by default; it takes a whole number from 1"),
        (Elsewhere, "Elsewhere.steps is of stage 'fit'; the stages are: data, architecture"),
        (ChosenNumbers, "has choices, which are texts; annotate it with str"),
        (BoundedText, "has bounds, and is no number; annotate it with int or float"),
    ],
)
def test_a_class_that_declares_no_knobs_is_refused(made_by: type, problem: str) -> None:
    """The sentence begins with the file, and says what to write."""
    with pytest.raises(UsageError, match=problem) as error:
        own_options(made_by, {}, "tasks/T3.py")
    assert str(error.value).startswith("tasks/T3.py: ")


def test_a_proof_of_no_knob_is_refused() -> None:
    """A misspelt name would leave the knob unproved in silence."""
    with pytest.raises(UsageError, match=r"^tasks/T3.py: there is a proof of 'scaled', .*: name"):
        own_options(Named, {"scaled": scale}, "tasks/T3.py")
    with pytest.raises(UsageError, match="the fields are: none"):
        own_options(None, {"scaled": scale}, "tasks/T3.py")
