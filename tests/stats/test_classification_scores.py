"""The scores are scikit-learn's, weighted and many at a time; the best threshold is the best."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sklearn import metrics

from greenbench.stats.classification_names import HIGHER_IS_BETTER
from greenbench.stats.classification_scores import best_threshold, scores

EIGHTHS = st.integers(0, 8).map(lambda k: k / 8)
ROWS = st.lists(st.tuples(st.integers(0, 1), EIGHTHS, st.integers(0, 4)), min_size=2, max_size=25)
UNWEIGHTED = st.lists(st.tuples(st.integers(0, 1), EIGHTHS), min_size=1, max_size=25)


def columns(rows: list[tuple]) -> tuple[np.ndarray, ...]:
    """Return the columns of ``rows`` as arrays."""
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def alone(
    labels: list[int],
    probabilities: list[float],
    threshold: float = 0.5,
    weights: list[float] | None = None,
) -> dict:
    """Return each score of a single weighting, by default of 1 a row."""
    own = np.ones(len(labels)) if weights is None else np.array(weights, float)
    return {
        n: float(v[0])
        for n, v in scores(own[None], np.array(labels), np.array(probabilities), threshold).items()
    }


def learned(
    weights: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, float]:
    """Return the same scores by scikit-learn."""
    called = (probabilities >= threshold).astype(int)
    kept = {"sample_weight": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "mcc": metrics.matthews_corrcoef(labels, called, **kept),
            "macro_f1": metrics.f1_score(
                labels, called, average="macro", labels=[0, 1], zero_division=0, **kept
            ),
            "f1": metrics.f1_score(labels, called, zero_division=0, **kept),
            "precision": metrics.precision_score(labels, called, zero_division=np.nan, **kept),
            "recall": metrics.recall_score(labels, called, **kept),
            "roc_auc": metrics.roc_auc_score(labels, probabilities, **kept),
            "pr_auc": metrics.average_precision_score(labels, probabilities, **kept),
            "accuracy": metrics.accuracy_score(labels, called, **kept),
            "brier": metrics.brier_score_loss(labels, probabilities, **kept),
            "weighted_f1": metrics.f1_score(
                labels, called, average="weighted", zero_division=0, **kept
            ),
        }


@given(ROWS, EIGHTHS)
@example([(1, 0.5, 1), (0, 0.5, 3), (1, 0.25, 2), (0, 1.0, 0)], 0.5)
@example([(1, 0.25, 1), (0, 0.25, 1)], 1.0)
def test_every_score_is_scikit_learn_s(rows: list[tuple], threshold: float) -> None:
    """Weighted rows score what scikit-learn says, with ties and rows of no weight among them."""
    labels, probabilities, weights = columns(rows)
    assume(weights[labels == 1].sum() > 0)
    assume(weights[labels == 0].sum() > 0)
    found = scores(weights[None].astype(float), labels, probabilities, threshold)
    assert found.keys() == HIGHER_IS_BETTER.keys()
    expected = learned(weights.astype(float), labels, probabilities, threshold)
    assert {n: float(v[0]) for n, v in found.items()} == pytest.approx(
        expected, abs=1e-9, nan_ok=True
    )


@given(ROWS, EIGHTHS)
def test_a_weight_counts_as_that_many_copies(rows: list[tuple], threshold: float) -> None:
    """A row of weight 3 is three rows: the resample needs not be written out."""
    labels, probabilities, weights = columns(rows)
    assume(weights.sum() > 0)
    weighted = alone(labels, probabilities, threshold, weights)
    copied = alone(np.repeat(labels, weights), np.repeat(probabilities, weights), threshold)
    assert weighted == pytest.approx(copied, abs=1e-9, nan_ok=True)


def test_the_scores_of_a_confusion_worked_by_hand() -> None:
    """Three hits, one false alarm, two misses and four rightly left alone."""
    found = alone(
        [1, 1, 1, 0, 1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.2, 0.1, 0.0]
    )
    assert found == pytest.approx(
        {
            "mcc": 10 / math.sqrt(600),
            "macro_f1": (2 / 3 + 8 / 11) / 2,
            "f1": 2 / 3,
            "precision": 0.75,
            "recall": 0.6,
            "roc_auc": 23 / 25,
            "pr_auc": (1 + 1 + 1 + 4 / 5 + 5 / 6) / 5,
            "accuracy": 0.7,
            "brier": 0.144,
            "weighted_f1": (2 / 3 + 8 / 11) / 2,
        }
    )


@pytest.mark.parametrize(
    ("labels", "probabilities", "weights", "name", "expected"),
    [
        ([1, 0], [0.5, 0.5], None, "roc_auc", 0.5),
        ([1, 0], [0.5, 0.5], None, "pr_auc", 0.5),
        ([1, 0], [0.5, 0.5], [3, 1], "pr_auc", 0.75),
        ([1, 0], [0.9, 0.1], None, "mcc", 1.0),
        ([1, 0], [0.1, 0.9], None, "mcc", -1.0),
        ([1, 0], [0.1, 0.9], None, "roc_auc", 0.0),
        ([1, 0], [0.1, 0.9], None, "precision", 0.0),
        ([1, 0], [0.9, 0.1], [1, 3], "brier", 0.01),
        ([1, 0, 0, 0], [0.9] * 4, None, "weighted_f1", 0.1),
        ([1, 0, 0, 0], [0.1] * 4, None, "macro_f1", 3 / 7),
        ([1, 0, 0], [0.9, 0.8, 0.1], [1, 3, 1], "precision", 0.25),
    ],
)
def test_small_scores_worked_by_hand(
    labels: list[int],
    probabilities: list[float],
    weights: list[float] | None,
    name: str,
    expected: float,
) -> None:
    """Ties count half in the ROC curve and together in the precision; weights count as rows."""
    assert alone(labels, probabilities, weights=weights)[name] == pytest.approx(expected)


def test_a_row_at_the_threshold_is_called_positive() -> None:
    """A probability equal to the threshold counts as called."""
    assert alone([1, 0], [0.5, 0.25], 0.5)["recall"] == 1.0
    assert alone([1, 0], [0.5, 0.25], np.nextafter(0.5, 1))["recall"] == 0.0


@pytest.mark.parametrize(
    ("label", "undefined"),
    [
        (0, {"mcc", "macro_f1", "f1", "recall", "roc_auc", "pr_auc"}),
        (1, {"mcc", "macro_f1", "roc_auc", "pr_auc"}),
    ],
)
def test_what_compares_classes_is_undefined_on_one(label: int, undefined: set[str]) -> None:
    """One class has no correlation and no curve, and no recall if it is the negative one."""
    found = alone([label] * 3, [0.9, 0.6, 0.1])
    assert {name for name, value in found.items() if math.isnan(value)} == undefined


def test_a_class_of_no_weight_is_a_class_that_is_not_there() -> None:
    """A resample that drew no positive row leaves undefined what one without such rows would."""
    drawn, lacking = alone([1, 0, 0], [0.9, 0.6, 0.1], weights=[0, 1, 1]), alone([0, 0], [0.6, 0.1])
    assert drawn == pytest.approx(lacking, nan_ok=True)
    assert math.isnan(drawn["mcc"])


def test_precision_is_undefined_where_nothing_is_called() -> None:
    """Nothing else is: the rest has a value for a model that never calls."""
    found = alone([1, 0, 0], [0.1, 0.2, 0.3])
    assert {name for name, value in found.items() if math.isnan(value)} == {"precision"}


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_constant_answer_on_two_classes_has_no_correlation(threshold: float) -> None:
    """By convention it is 0, and not undefined."""
    assert alone([1, 0, 1], [0.3, 0.6, 0.9], threshold)["mcc"] == 0.0


@given(UNWEIGHTED, st.data())
def test_several_weightings_score_as_each_does_alone(
    rows: list[tuple], data: st.DataObject
) -> None:
    """No weighting touches another's scores, even where one of them is undefined."""
    labels, probabilities = columns(rows)
    weighting = st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)).filter(any)
    weights = np.array(data.draw(st.lists(weighting, min_size=2, max_size=5)), float)
    together = scores(weights, labels, probabilities, 0.5)
    assert {v.shape for v in together.values()} == {(len(weights),)}
    for index, own in enumerate(weights):
        one = {name: float(values[index]) for name, values in together.items()}
        assert one == pytest.approx(
            alone(labels, probabilities, weights=own), abs=1e-12, nan_ok=True
        )


def reached(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> float:
    """Return scikit-learn's MCC at ``threshold``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(metrics.matthews_corrcoef(labels, probabilities >= threshold))


@given(UNWEIGHTED)
def test_the_best_threshold_reaches_the_highest_correlation(rows: list[tuple]) -> None:
    """No other threshold is better, and there is one exactly if some correlation is positive."""
    labels, probabilities = columns(rows)
    there = np.unique(probabilities)
    top = (
        max(reached(labels, probabilities, t) for t in there)
        if 0 < labels.sum() < len(labels)
        else 0.0
    )
    chosen = best_threshold(labels, probabilities)
    assert (chosen is None) == (top <= 1e-12)
    if chosen is not None:
        assert reached(labels, probabilities, chosen) == pytest.approx(top)


@given(UNWEIGHTED)
def test_the_best_threshold_lies_halfway_between_neighbours(rows: list[tuple]) -> None:
    """A probability that is a little off is called as its neighbour is."""
    labels, probabilities = columns(rows)
    chosen = best_threshold(labels, probabilities)
    there = np.unique(probabilities)
    assert chosen is None or chosen in ((there[1:] + there[:-1]) / 2).tolist()


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, 0, 0], [0.1, 0.5, 0.9]),
        ([1, 1, 1], [0.1, 0.5, 0.9]),
        ([1, 0, 1], [0.5, 0.5, 0.5]),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9]),
        ([1, 0, 1, 0], [0.2, 0.2, 0.8, 0.8]),
        ([1], [0.5]),
    ],
    ids=[
        "negatives only",
        "positives only",
        "constant",
        "the wrong way round",
        "no information",
        "one row",
    ],
)
def test_there_is_no_best_threshold_where_probabilities_carry_no_information(
    labels: list[int], probabilities: list[float]
) -> None:
    """The caller gets None and falls back on a default threshold."""
    assert best_threshold(np.array(labels), np.array(probabilities)) is None


@pytest.mark.parametrize(
    ("labels", "probabilities", "expected"),
    [
        ([1, 1, 0, 0], [0.875, 0.75, 0.25, 0.125], 0.5),
        ([1, 0, 0], [1.0, 0.5, 0.0], 0.75),
        ([1, 1, 0], [1.0, 0.5, 0.0], 0.25),
        ([0, 1, 1, 0, 0], [1.0, 1.0, 0.75, 0.5, 0.0], 0.625),
    ],
)
def test_best_thresholds_worked_by_hand(
    labels: list[int], probabilities: list[float], expected: float
) -> None:
    """The order of the rows does not matter."""
    for order in (slice(None), slice(None, None, -1)):
        assert best_threshold(np.array(labels)[order], np.array(probabilities)[order]) == expected


@pytest.mark.parametrize(
    ("labels", "probabilities", "expected"),
    [
        ([1, 1, 0, 1, 0, 0, 0, 1, 0], [1.0, 1.0, 1.0, 0.75, 0.75, 0.75, 0.75, 0.5, 0.0], 0.875),
        (
            [1, 1, 1, 1, 0, 0, 0, 1, 1, 0],
            [1.0, 1.0, 0.75, 0.75, 0.75, 0.5, 0.5, 0.5, 0.25, 0.25],
            0.625,
        ),
        ([1, 0, 0, 0, 1, 0, 0, 0], [1.0, 1.0, 0.5, 0.25, 0.25, 0.25, 0.0, 0.0], 0.75),
        ([1, 1, 0, 1, 1, 1, 1, 0], [1.0, 1.0, 0.75, 0.5, 0.5, 0.5, 0.0, 0.0], 0.25),
    ],
    ids=[
        "3 of 4 called, not 8",
        "5 of 6 called, not 2",
        "2 of 2 called, not 6",
        "6 of 6 called, not 2",
    ],
)
def test_of_equally_good_thresholds_the_one_that_calls_about_as_many_as_there_are_positives(
    labels: list[int], probabilities: list[float], expected: float
) -> None:
    """Two cuts have the same correlation, and rounding must not choose between them."""
    assert best_threshold(np.array(labels), np.array(probabilities)) == expected


def test_the_best_threshold_parts_probabilities_that_are_nearly_equal() -> None:
    """Between two neighbouring 32-bit numbers lies a 64-bit one, which calls the higher alone."""
    higher = np.float32(1 - 2**-24)
    probabilities = np.array([higher, np.nextafter(higher, np.float32(0))])
    chosen = best_threshold(np.array([1, 0]), probabilities)
    assert chosen is not None
    assert (probabilities.astype(float) >= chosen).tolist() == [True, False]
