"""Bootstrap intervals cover as they claim, and their draws depend on the groups alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from greenbench.stats import bootstrap
from greenbench.stats.bootstrap import Interval
from greenbench.stats.classification_answers import Outcomes
from greenbench.stats.classification_names import HIGHER_IS_BETTER
from greenbench.stats.classification_scores import scores


def simulated(
    seed: int,
    rows: int = 120,
    copies: int = 1,
    *,
    positive: float = 0.3,
    together: bool = False,
    weights: tuple[float, float] = (1.0, 1.0),
) -> Outcomes:
    """Return a fair model's answers; rows have ``copies``, ``together`` as one group or alone."""
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < positive).astype(int)
    probabilities = 1 / (1 + np.exp(-random.normal(2.0 * labels - 1.0)))
    groups = np.repeat(np.arange(rows), copies) if together else ()
    copied = np.repeat(labels, copies), np.repeat(probabilities, copies)
    return Outcomes.of(*copied, threshold=0.5, groups=groups, weights=weights)


def test_the_point_is_the_score_of_the_rows_as_they_are() -> None:
    """The point is the score of weights of 1."""
    one = simulated(1)
    found = scores(np.ones((1, 120)), one.labels, one.probabilities, one.threshold)
    assert bootstrap.point(one) == {name: float(values[0]) for name, values in found.items()}


def test_the_point_of_weighted_classes_is_the_score_of_copies() -> None:
    """A class that counts three times scores as if its rows stood there three times."""
    one = simulated(1, weights=(3.0, 1.0))
    times = np.where(one.labels == 0, 3, 1)
    copied = Outcomes.of(
        np.repeat(one.labels, times), np.repeat(one.probabilities, times), threshold=one.threshold
    )
    assert bootstrap.point(one) == pytest.approx(bootstrap.point(copied))


def test_class_weights_shift_precision_and_neither_recall_nor_the_roc_curve() -> None:
    """Scores within a class do not depend on how frequent the class is; scores that mix both do."""
    plain, weighted = (
        bootstrap.point(simulated(1)),
        bootstrap.point(simulated(1, weights=(9.0, 1.0))),
    )
    assert weighted["recall"] == pytest.approx(plain["recall"])
    assert weighted["roc_auc"] == pytest.approx(plain["roc_auc"])
    assert weighted["precision"] < plain["precision"] - 0.1
    assert weighted["pr_auc"] < plain["pr_auc"] - 0.1


def test_class_weights_reach_the_resamples() -> None:
    """The interval lies around the weighted score."""
    weighted = simulated(1, weights=(9.0, 1.0))
    low, high = bootstrap.intervals(bootstrap.replicates(weighted, count=200))["precision"]
    assert low is not None
    assert high is not None
    assert (
        low
        < bootstrap.point(weighted)["precision"]
        < high
        < bootstrap.point(simulated(1))["precision"]
    )


def test_a_resample_has_a_value_of_each_score() -> None:
    """There are as many values as requested, under the scores' names."""
    found = bootstrap.replicates(simulated(1), count=37)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(
        HIGHER_IS_BETTER, (37,)
    )


def test_the_same_groups_see_the_same_draws() -> None:
    """Labels and probabilities move no draw, and neither does a second call; another seed does."""
    one, other = simulated(1, together=True, copies=2), simulated(2, together=True, copies=2)
    drawn = [
        np.concatenate(list(bootstrap._drawn(o.groups, 20, bootstrap.SEED))) for o in (one, other)
    ]
    assert drawn[0].tolist() == drawn[1].tolist()
    first, again, another = (
        bootstrap.replicates(one, count=20, seed=s)["brier"].tolist() for s in (1, 1, 2)
    )
    assert first == again != another


def test_a_draw_takes_as_many_groups_as_there_are_and_each_whole() -> None:
    """Rows of a group are drawn equally often, and the groups' draws add up to their number."""
    groups = np.array([5, 2, 5, 9, 2, 5])
    drawn = np.concatenate(list(bootstrap._drawn(groups, 50, 0)))
    assert drawn.shape == (50, 6)
    assert drawn[:, 0].tolist() == drawn[:, 2].tolist() == drawn[:, 5].tolist()
    assert drawn[:, 1].tolist() == drawn[:, 4].tolist()
    assert (drawn[:, 0] + drawn[:, 1] + drawn[:, 3]).tolist() == [3.0] * 50
    assert len(set(drawn[:, 0].tolist())) > 1


@pytest.mark.parametrize("cells", [1, 120 * 7, 120 * 39])
def test_blocks_give_the_numbers_of_one_block(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many resamples fit in memory at a time changes no result."""
    whole = bootstrap.replicates(simulated(1), count=40)
    monkeypatch.setattr(bootstrap, "CELLS", cells)
    in_blocks = bootstrap.replicates(simulated(1), count=40)
    assert whole.keys() == in_blocks.keys()
    for name, values in whole.items():
        assert in_blocks[name] == pytest.approx(values, abs=1e-12, nan_ok=True)


def test_the_interval_contains_the_true_accuracy_in_95_of_100_test_splits() -> None:
    """A model that is right 3 times of 4 is measured on two hundred fresh test splits."""
    inside = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        labels, right = random.integers(0, 2, 100), random.random(100) < 0.75
        one = Outcomes.of(labels, np.where(right, labels, 1 - labels), threshold=0.5)
        low, high = bootstrap.interval(bootstrap.replicates(one, count=300)["accuracy"])
        assert low is not None
        assert high is not None
        inside += low <= 0.75 <= high
    assert 0.90 <= inside / 200 <= 0.985


def test_the_interval_of_an_accuracy_is_as_wide_as_the_binomial_s() -> None:
    """The textbook's standard error of a share, 1.96 times to each side."""
    one = simulated(1, 400)
    low, high = bootstrap.interval(bootstrap.replicates(one)["accuracy"])
    assert low is not None
    assert high is not None
    share = bootstrap.point(one)["accuracy"]
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(share * (1 - share) / 400), rel=0.08)


@pytest.mark.parametrize("name", ["accuracy", "mcc", "roc_auc", "brier"])
def test_copies_that_belong_together_make_no_interval_narrower(name: str) -> None:
    """Four copies of each row are no news; as rows of their own they would halve the interval."""
    width = {}
    for key, one in {
        "rows": simulated(1),
        "groups": simulated(1, copies=4, together=True),
        "alone": simulated(1, copies=4),
    }.items():
        low, high = bootstrap.interval(bootstrap.replicates(one, count=400)[name])
        assert low is not None
        assert high is not None
        width[key] = high - low
    assert width["groups"] == pytest.approx(width["rows"])
    assert width["groups"] == pytest.approx(2 * width["alone"], rel=0.2)


def test_a_score_that_few_resamples_define_has_no_interval() -> None:
    """With a single positive row a third of the resamples define no MCC, yet an accuracy."""
    one = Outcomes.of([1] + [0] * 19, [0.9] + [0.1] * 18 + [0.8], threshold=0.5)
    found = bootstrap.intervals(bootstrap.replicates(one, count=200))
    assert not math.isnan(bootstrap.point(one)["mcc"])
    assert found["mcc"] == found["roc_auc"] == found["recall"] == Interval(None, None)
    assert None not in found["accuracy"]


@pytest.mark.parametrize(("undefined", "known"), [(0, True), (5, True), (6, False), (100, False)])
def test_from_95_of_100_defined_resamples_on_there_is_an_interval(
    undefined: int,
    known: bool,  # noqa: FBT001
) -> None:
    """Undefined resamples are left out of the interval."""
    values = np.where(np.arange(100) < undefined, np.nan, 0.5)
    assert bootstrap.interval(values) == (Interval(0.5, 0.5) if known else Interval(None, None))


def test_the_bounds_are_the_percentiles_that_leave_5_of_100_outside() -> None:
    """Half of them lie below and half above, in whatever order the resamples come."""
    values = np.random.default_rng(1).permutation(np.arange(1001.0))
    assert bootstrap.interval(values) == pytest.approx((25.0, 975.0))


@hypothesis_settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 30))
def test_no_bound_leaves_the_range_of_its_score(seed: int, rows: int) -> None:
    """A percentile is a score of some resample, or lies between two."""
    for name, (low, high) in bootstrap.intervals(
        bootstrap.replicates(simulated(seed, rows), count=40)
    ).items():
        assert (low is None) == (high is None)
        if low is not None and high is not None:
            assert (-1 if name == "mcc" else 0) - 1e-9 <= low <= high <= 1 + 1e-9
