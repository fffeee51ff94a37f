"""Two models on the same rows are paired; models on different rows cannot be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from greenbench.stats import bootstrap, paired
from greenbench.stats.classification_answers import Outcomes, record
from greenbench.stats.paired import McNemar, PairedDifference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.stats.classification_scores import Array

RANDOM = np.random.default_rng(17)
LABELS = (RANDOM.random(200) < 0.4).astype(int)
SIGNAL = RANDOM.normal(1.6 * LABELS - 0.8)
NOISE = RANDOM.normal(size=200)
ROWS = tuple(f"row {k}" for k in range(200))


def differences(one: Outcomes, other: Outcomes) -> dict[str, PairedDifference]:
    """Compare two models by what a results file would keep of them."""
    return paired.differences(record(one), record(other))


def model(noise: float = 0.0, skill: float = 0.0, rows: tuple[str, ...] = ROWS) -> Outcomes:
    """Return answers to a shared signal with ``noise`` of their own and ``skill`` at labels."""
    logits = SIGNAL + noise * NOISE + skill * (2 * LABELS - 1)
    return Outcomes.of(LABELS, 1 / (1 + np.exp(-logits)), threshold=0.5, rows=rows)


def of_right(right: list[bool]) -> dict:
    """Return the record of a model that is right on these rows, whose labels take turns."""
    labels = [k % 2 for k in range(len(right))]
    answers = [label if one else 1 - label for label, one in zip(labels, right, strict=True)]
    return record(Outcomes.of(labels, answers, threshold=0.5))


def test_a_model_does_not_differ_from_itself() -> None:
    """Its difference is exactly 0 in each score, and so are both bounds."""
    found = differences(model(), model())
    assert found == dict.fromkeys(bootstrap.point(model()), PairedDifference(0.0, 0.0, 0.0))


def test_the_difference_is_the_one_s_score_minus_the_other_s() -> None:
    """And the other way round it has the other sign, bounds included."""
    there, back = differences(model(0.5), model()), differences(model(), model(0.5))
    ours, theirs = bootstrap.point(model(0.5)), bootstrap.point(model())
    for name, one in there.items():
        assert one.value == ours[name] - theirs[name]
        assert one == pytest.approx((-back[name].value, -back[name].high, -back[name].low))


@pytest.mark.parametrize("name", ["accuracy", "mcc", "roc_auc", "brier"])
def test_pairing_sees_what_two_separate_intervals_hide(name: str) -> None:
    """The paired interval of two models that owe most to the rows is the narrower one."""
    one, other = model(), model(0.3)
    apart = [bootstrap.interval(bootstrap.replicates(o)[name]) for o in (one, other)]
    together = differences(one, other)[name]
    separate = math.hypot(
        *(i.high - i.low for i in apart if i.high is not None and i.low is not None)
    )
    assert together.low is not None
    assert together.high is not None
    assert 0 < together.high - together.low < separate / 1.5


def test_a_clearly_better_model_is_told_apart() -> None:
    """The interval lies above 0 where more is better, and below 0 for an error."""
    found = differences(model(skill=1.5), model())
    assert all((found[n].low or 0) > 0 for n in ("mcc", "accuracy", "roc_auc", "macro_f1"))
    assert (found["brier"].high or 0) < 0


def test_models_that_differ_by_chance_are_not_distinguished() -> None:
    """The interval of their difference contains 0."""
    low, high = differences(model(0.3), model(-0.3))["accuracy"][1:]
    assert low is not None
    assert high is not None
    assert low <= 0 <= high


def test_each_model_keeps_its_own_threshold() -> None:
    """The same probabilities, cut elsewhere: the curves agree and what is called does not."""
    lenient = Outcomes.of(LABELS, model().probabilities, threshold=0.2, rows=ROWS)
    found = differences(lenient, model())
    assert found["roc_auc"] == PairedDifference(0.0, 0.0, 0.0)
    assert (found["recall"].low or 0) > 0


def test_a_score_that_one_of_them_lacks_has_no_difference() -> None:
    """A model that calls nothing has no precision to compare."""
    silent = Outcomes.of(LABELS, [0.0] * 200, threshold=0.5, rows=ROWS)
    found = differences(silent, model())
    assert found["precision"] == PairedDifference(None, None, None)
    assert found["accuracy"].value is not None


def test_a_difference_that_few_resamples_define_has_no_bounds() -> None:
    """A single positive row: the correlations differ, and nobody knows how surely."""
    labels = [1] + [0] * 19
    one, other = (
        Outcomes.of(labels, [0.9, *([0.9] * n), *([0.1] * (19 - n))], threshold=0.5) for n in (1, 3)
    )
    found = differences(one, other)["mcc"]
    assert found.value is not None
    assert found.value > 0
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(
    "rows", [ROWS[::-1], (*ROWS[:-1], "another"), ()], ids=["order", "content", "none"]
)
def test_other_rows_cannot_be_paired(rows: tuple[str, ...]) -> None:
    """Neither the same rows in another order nor other rows can be paired."""
    with pytest.raises(ValueError, match="different test rows"):
        differences(model(), model(rows=rows))


def test_more_rows_cannot_be_paired() -> None:
    """Different numbers of rows raise even without a checksum of texts."""
    one, other = (Outcomes.of([1, 0] * n, [0.9, 0.1] * n, threshold=0.5) for n in (2, 3))
    with pytest.raises(ValueError, match="different test rows"):
        differences(one, other)


@pytest.mark.parametrize(
    ("both", "only_one", "only_other", "neither", "p"),
    [
        (3, 5, 0, 2, 0.0625),
        (0, 8, 1, 0, 20 / 512),
        (4, 3, 3, 1, 1.0),
        (10, 1, 0, 0, 1.0),
        (5, 2, 12, 1, 2 * (1 + 14 + 91) / 2**14),
        (7, 0, 0, 4, 1.0),
    ],
)
def test_mcnemar_worked_by_hand(
    both: int, only_one: int, only_other: int, neither: int, p: float
) -> None:
    """Only rows on which they disagree count; without any, p is 1."""
    one = [True] * both + [True] * only_one + [False] * only_other + [False] * neither
    other = [True] * both + [False] * only_one + [True] * only_other + [False] * neither
    assert paired.mcnemar(of_right(one), of_right(other)) == (
        only_one,
        only_other,
        pytest.approx(p),
    )


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_the_exact_binomial_test(answers: list[tuple[bool, bool]]) -> None:
    """It counts what each alone gets right, and gives the same p the other way round."""
    one, other = (list(column) for column in zip(*answers, strict=True))
    first, second = answers.count((True, False)), answers.count((False, True))
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    found = paired.mcnemar(of_right(one), of_right(other))
    assert found == McNemar(first, second, pytest.approx(expected))
    assert paired.mcnemar(of_right(other), of_right(one)) == McNemar(
        second, first, pytest.approx(found.p)
    )


def test_answers_to_the_same_rows_are_alike() -> None:
    """Answers and thresholds may differ."""
    lenient = Outcomes.of(LABELS, [0.3] * 200, threshold=0.2, rows=ROWS)
    assert paired.alike(record(model()), record(lenient))


@pytest.mark.parametrize(
    "change",
    [{"rows_sha256": "0" * 64}, {"n": 199}, {"class_weights": [1.0, 2.0]}],
    ids=["rows", "count", "weights"],
)
def test_answers_to_other_rows_are_not_alike(change: dict) -> None:
    """Other rows, another count or other class weights cannot be paired."""
    one = record(model())
    assert paired.alike(one, dict(one))
    assert not paired.alike(one, one | change)
    assert not paired.alike(one | change, one)


def test_outcomes_that_were_not_kept_are_not_alike() -> None:
    """Empty records are never alike, not even with each other."""
    one = record(model())
    assert not paired.alike({}, {})
    assert not paired.alike(one, {})
    assert not paired.alike({}, one)


def test_rounds_that_share_their_resamples_differ_as_each_does_alone() -> None:
    """Several pairs in one pass, on other groups too, have the numbers of one pair at a time."""
    grouped = replace(model(0.5), groups=np.arange(200) // 2)
    pairs = [
        (record(model(0.5)), record(model())),
        (record(grouped), record(replace(model(), groups=np.arange(200) // 2))),
        (record(model(0.2)), record(model(0.3))),
    ]
    for score in ("mcc", "roc_auc"):
        alone = [{score: paired.differences(*pair, factor=0.98)[score]} for pair in pairs]
        assert paired.differences_of_each(pairs, [score], factor=0.98) == alone
    assert paired.differences_of_each([]) == []


def test_resamples_are_drawn_once_for_all_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight rounds of two models on the same rows take one series of draws, and no long arrays."""
    sizes = []

    def drawn(*arguments: Any) -> Iterator[Array]:
        for weights in original(*arguments):
            sizes.append(weights.shape)
            yield weights

    original = bootstrap._drawn
    monkeypatch.setattr(bootstrap, "_drawn", drawn)
    monkeypatch.setattr(bootstrap, "CELLS", 200 * 100)
    paired.differences_of_each([(record(model(0.5)), record(model()))] * 8, ["mcc"])
    assert sizes == [(100, 200)] * 20
