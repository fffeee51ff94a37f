"""Scores of sums over rows against scikit-learn's and SciPy's, and what a results file keeps."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from greenbench.stats import paired, summed_answers
from greenbench.stats.summed_answers import AnsweredRows

ROWS = st.integers(2, 40)


def rows(count: int) -> AnsweredRows:
    """Return rows without groups."""
    return AnsweredRows(texts=[str(number) for number in range(count)])


@given(st.data(), ROWS, st.integers(2, 5))
def test_classes_score_as_in_scikit_learn(data: st.DataObject, count: int, classes: int) -> None:
    """Accuracy, averaged F1, R_K and the cross-entropy of any answers."""
    from sklearn import metrics

    labels = data.draw(arrays.arrays(int, count, elements=st.integers(0, classes - 1)))
    raw = data.draw(arrays.arrays(float, (count, classes), elements=st.floats(0.01, 1)))
    given_ = raw / raw.sum(axis=1, keepdims=True)
    point = summed_answers.classes(labels, given_, rows(count)).point()
    chosen = given_.argmax(axis=1)
    assert point["accuracy"] == pytest.approx(metrics.accuracy_score(labels, chosen))
    for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        expected = metrics.f1_score(labels, chosen, average=average, zero_division=0)
        assert point[name] == pytest.approx(expected)
    if len(set(labels.tolist())) > 1:
        assert point["mcc"] == pytest.approx(metrics.matthews_corrcoef(labels, chosen), abs=1e-9)
    expected = metrics.log_loss(labels, given_, labels=range(classes))
    assert point["log_loss"] == pytest.approx(expected, rel=1e-5, abs=1e-6)


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=3, max_size=40),
    st.floats(-1e6, 1e6),
)
def test_numbers_score_as_in_scikit_learn(pairs: list[tuple[float, float]], far: float) -> None:
    """Errors and R2, also where the mean is large beside the spread."""
    from sklearn import metrics

    truth = np.array([pair[0] for pair in pairs]) + far
    answers = np.array([pair[1] for pair in pairs]) + far
    point = summed_answers.numbers(truth, answers, rows(len(pairs))).point()
    assert point["mae"] == pytest.approx(metrics.mean_absolute_error(truth, answers), abs=1e-6)
    rmse = math.sqrt(metrics.mean_squared_error(truth, answers))
    assert point["rmse"] == pytest.approx(rmse, abs=1e-6)
    if truth.std() > 1 and answers.std() > 1:
        assert point["r2"] == pytest.approx(metrics.r2_score(truth, answers), rel=1e-6, abs=1e-6)
        pearson = np.corrcoef(truth, answers)[0, 1]
        assert point["pearson"] == pytest.approx(pearson, abs=1e-6)


def test_spans_are_scored_over_all_rows() -> None:
    """Precision is of what is marked, recall of what is there."""
    answers = summed_answers.spans(np.array([[5, 4, 2, 1, 1], [3, 3, 1, 2, 1]]), rows(2))
    point = answers.point()
    assert point["precision"] == pytest.approx(2 / 3)
    assert point["recall"] == pytest.approx(2 / 3)
    assert point["f1"] == pytest.approx(2 / 3)
    assert point["accuracy"] == pytest.approx(7 / 8)
    assert answers.right is not None
    assert answers.right.tolist() == [False, True]


def made(kind: str) -> summed_answers.SummedAnswers:
    """Return answers of a kind to 30 rows, two of them near-duplicates."""
    rng = np.random.default_rng(0)
    about = AnsweredRows(texts=[f"{n}" for n in range(30)], groups=[0, 0, *range(1, 29)])
    if kind == "classes":
        return summed_answers.classes(rng.integers(0, 3, 30), rng.dirichlet([1] * 3, 30), about)
    if kind == "spans":
        return summed_answers.spans(np.tile([6, 5, 3, 2, 1], (30, 1)), about)
    return summed_answers.numbers(rng.normal(size=30), rng.normal(size=30), about)


@pytest.mark.parametrize("kind", summed_answers.READERS)
def test_a_results_file_gives_the_same_scores(kind: str) -> None:
    """What is kept is JSON, and gives each score and its resamples back."""
    answers = made(kind)
    kept = json.loads(json.dumps(summed_answers.record(answers)))
    read = paired.read(kept)
    for name, value in answers.point().items():
        assert read.point()[name] == pytest.approx(value, rel=1e-6)
    assert read.groups.tolist() == answers.groups.tolist()
    weights = np.random.default_rng(1).integers(0, 3, (5, 30)).astype(float)
    for name, values in answers.scorer()(weights).items():
        assert read.scorer()(weights)[name] == pytest.approx(values, rel=1e-6)


def test_two_models_are_paired_on_the_same_rows() -> None:
    """A model beside itself differs in nothing."""
    kept = summed_answers.record(made("numbers"))
    for difference in paired.differences(kept, kept).values():
        assert difference == (0.0, 0.0, 0.0)
