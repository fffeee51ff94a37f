"""A scikit-learn estimator as a task: parameters are knobs, read back from the fitted copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import greenbench
from greenbench.adapters.scikit_learn import estimator_task
from greenbench.errors import UsageError
from greenbench.experiment.knobs import with_knob
from greenbench.options import extended
from greenbench.tasks.functions import judging, splits
from greenbench.tasks.functions.functions import WantedRows, task_functions
from greenbench.tasks.functions.stages import FunctionStages


def load(seed: int, sizes: WantedRows) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Draw points, and which side of a line they are on."""
    random = np.random.default_rng(seed)
    parts = []
    for size in sizes:
        points = random.normal(size=(size or 60, 2))
        parts.append((points, (points.sum(axis=1) > 0).astype(int)))
    return tuple(parts)


def run(task: object, **knobs: object) -> tuple[judging.Judged, dict[str, object], object]:
    """Run the stages of a task; return its scores, its proofs, and the fitted model."""
    functions = task_functions(task, "tasks/T3.py")
    options = extended(functions.own.knobs)
    for name, value in knobs.items():
        options = with_knob(options, f"training.{name}", value)
    loaded = splits.load(functions, 0, WantedRows(80, 0, 60))
    stages = FunctionStages(options, functions, WantedRows())
    stages.reset(7)
    data = stages.data(loaded.train, loaded.test, None, 7, valid=loaded.valid)
    model = stages.training(None, data)
    dummies = judging.baselines(functions, loaded)
    judged = judging.judge(functions, loaded, stages.inference(model, data), dummies)
    return judged, {proof.knob: (proof.got, proof.holds) for proof in stages.applied()}, model


def test_a_pipeline_is_a_task_in_one_line() -> None:
    """Its parameters are knobs with proofs; the score has an interval and a constant beside it."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    knobs = ("logisticregression__max_iter", "logisticregression__C")
    judged, proofs, _ = run(estimator_task(pipeline, load, knobs), logisticregression__max_iter=9)
    assert judged.quality["accuracy"].value > 0.8 > judged.references["constant"]["accuracy"]
    assert judged.quality["accuracy"].low is not None
    assert proofs == {knobs[0]: (9, True), knobs[1]: (0.5, True)}
    assert pipeline.get_params()[knobs[0]] == 100


def test_a_regression_is_scored_by_its_error_of_which_less_is_better() -> None:
    """No answer is right or wrong."""
    judged, _, _ = run(estimator_task(Ridge(), load, ["alpha"]), alpha=2.0)
    assert judged.quality["error"].higher_is_better is False
    assert judged.quality["error"].value < judged.references["constant"]["error"]
    assert judged.correct is None
    assert judged.references["constant"]["error_lead_low"] > 0
    assert judged.doubts == ()


def test_random_states_are_the_rounds_seed() -> None:
    """Also of parts of a pipeline."""
    model = run(estimator_task(make_pipeline(DecisionTreeClassifier()), load))[2]
    assert model.get_params()["decisiontreeclassifier__random_state"] == 7


@dataclass(frozen=True)
class Options:
    """Bounds that a parameter does not say."""

    max_iter: int = greenbench.knob(50, least=10, stage="training")


def test_parts_of_the_suite_replace_those_made_here() -> None:
    """Its own options keep the proofs by get_params, and its own score counts."""
    task = estimator_task(
        LogisticRegression(),
        load,
        Options=Options,
        PRIMARY="hits",
        score=lambda rows, predictions: {"hits": predictions == rows[1]},
    )
    judged, proofs, _ = run(task)
    assert (list(judged.quality), proofs) == (["hits"], {"max_iter": (50, True)})


def steps(model: object) -> int:
    """Return how many steps a model has gone."""
    return int(model.n_iter_[0])


@dataclass(frozen=True)
class ProvedOptions:
    """A parameter that is read back from what was done."""

    max_iter: int = greenbench.knob(50, proof=steps)


@pytest.mark.parametrize(
    "parts",
    [{"Options": ProvedOptions}, {"Options": Options, "PROOFS": {"max_iter": steps}}],
)
def test_a_proof_of_the_suites_own_goes_before_get_params(parts: dict[str, object]) -> None:
    """The solver ends earlier than it may, which the parameter does not show."""
    _, proofs, model = run(estimator_task(LogisticRegression(), load, **parts))
    assert steps(model) < 50
    assert proofs == {"max_iter": (steps(model), False)}


def test_a_parameter_that_is_none_needs_a_type() -> None:
    """The sentence says where to write it."""
    with pytest.raises(UsageError, match=r"max_depth is None.*with a field like max_depth: int \|"):
        estimator_task(DecisionTreeClassifier(), load, ["max_depth"])


def test_a_parameter_that_is_not_there_is_refused() -> None:
    """The sentence lists those that are."""
    with pytest.raises(UsageError, match=r"has no parameter max_itr; it has C, .*max_iter"):
        estimator_task(LogisticRegression(), load, ["max_itr"])
