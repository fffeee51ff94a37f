"""Scores of a suite's functions: intervals where rows have values, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from greenbench.errors import UsageError
from greenbench.stats import paired
from greenbench.tasks.functions import judging, splits
from greenbench.tasks.functions.functions import TaskFunctions, WantedRows, task_functions
from greenbench.tasks.functions.judging import Predictions
from greenbench.tasks.functions.words import in_words
from tests.tasks.functions import nearest

FUNCTIONS = task_functions(nearest, "tasks/T3.py")
SPLITS = splits.load(FUNCTIONS, 0, WantedRows(60, 10, 90))
RIGHT = SPLITS.test[1]
NEARLY = np.where(np.arange(90) < 9, (RIGHT + 1) % 3, RIGHT)


def functions(**changes: object) -> TaskFunctions:
    """Return the task's functions with others in their place."""
    whole = {name: getattr(nearest, name) for name in dir(nearest) if not name.startswith("_")}
    return task_functions(SimpleNamespace(**(whole | changes)), "tasks/T3.py")


def predicted(values: object) -> Predictions:
    """Return predictions as ``predict`` of the task returns them."""
    return Predictions(values, "tasks/T3.py")


def judged(values: object, of: TaskFunctions = FUNCTIONS) -> judging.Judged:
    """Judge predictions beside the task's own baseline."""
    return judging.judge(of, SPLITS, predicted(values), judging.baselines(of, SPLITS))


def test_a_score_by_row_has_an_interval_and_a_number_says_that_it_has_none() -> None:
    """The mean over rows is the value; rows that are right are counted."""
    found = judged(NEARLY)
    accuracy, worst = found.quality["accuracy"], found.quality["worst"]
    assert accuracy.value == pytest.approx(0.9)
    assert 0.8 < accuracy.low < 0.9 < accuracy.high < 1.0
    assert (worst.value, worst.low, worst.higher_is_better) == (2.0, None, False)
    assert found.correct == 81
    (doubt,) = [text for text in found.doubts if "no interval" in text]
    assert doubt == "worst: no interval, as score gives one number and no value for each row"


def test_rows_and_predictions_stand_in_words() -> None:
    """With the score of each row where it is known, and at most the first values of a long one."""
    wrong, *_, last = judged(NEARLY).answered
    assert wrong.source == f"{SPLITS.test[0][0]:.6g}, {RIGHT[0]}"
    assert (wrong.output, wrong.outcome, wrong.right) == (str(NEARLY[0]), "accuracy 0", False)
    assert (last.row, last.outcome, last.right) == (89, "accuracy 1", True)
    together = judged(NEARLY, functions(score=lambda _rows, _given: {"accuracy": 0.9}))
    assert together.answered[0].outcome == "scored together with the other rows"
    assert together.answered[0].right is None
    image = {"pixels": np.zeros((30, 40)), "name": "a", "shape": (30, 40)}
    assert in_words(image).startswith("pixels: 0, 0, ")
    assert in_words(image).endswith(", 0, ..., name: a, shape: 30, 40")


def test_cells_are_compared_on_the_same_rows() -> None:
    """The kept outcomes of two cells pair up, and McNemar's test counts rows."""
    one, other = judged(RIGHT).outcomes, judged(NEARLY).outcomes
    assert paired.differences(one, other)["accuracy"].value == pytest.approx(0.1)
    assert paired.mcnemar(one, other).only_one == 9


def test_one_answer_for_all_is_degenerate_and_does_not_beat_the_baseline() -> None:
    """The suite's own baseline is scored on the same rows."""
    found = judged(np.ones(90, int))
    assert found.degenerate == ("all 90 predictions are the same",)
    assert found.references["middle"]["accuracy_lead"] == 0
    assert "the baseline middle scores accuracy 0." in " ".join(found.doubts)
    assert judged(NEARLY).degenerate == ()


@pytest.mark.parametrize(
    ("score", "problem"),
    [
        (lambda _r, _p: {"f1": 1.0}, "score returned f1; return each score by its name, accuracy"),
        (lambda _r, _p: 0.9, "score returned 0.9; return each score by its name"),
        (lambda _r, _p: {}, "score returned nothing"),
        (
            lambda _r, _p: {"accuracy": 1, "loss": 2},
            "score returned loss, and HIGHER_IS_BETTER",
        ),
        (lambda _r, _p: {"accuracy": "good"}, "score gives accuracy = 'good'; give a number"),
        (lambda _r, _p: {"accuracy": [1, 0]}, r"score gives accuracy of shape \(2,\) for 90 rows"),
    ],
)
def test_a_score_that_means_nothing_is_refused(score: object, problem: str) -> None:
    """The sentence names file and function."""
    with pytest.raises(UsageError, match=rf"^tasks/T3.py: {problem}"):
        judged(RIGHT, functions(score=score, baselines=lambda _data: {}))


def test_scores_that_are_no_finite_numbers_are_refused_with_their_count() -> None:
    """A row that is left out would make the others look better; of a baseline it is the same."""
    per_row = np.where(np.arange(90) < 3, np.nan, 1.0)
    whose = "which score gives of what"
    for value, many in ((per_row, "3 of 90"), (float("inf"), "1 of 1"), (float("nan"), "1 of 1")):
        of = functions(score=lambda _r, _p, v=value: {"accuracy": v}, baselines=lambda _data: {})
        with pytest.raises(UsageError, match=f"accuracy, {whose} predict returned, has {many} val"):
            judged(RIGHT, of)
    unknown = functions(
        score=lambda _r, p: {"accuracy": np.where(p == 9, np.nan, 1.0)},
        baselines=lambda _data: {"nine": np.full(90, 9)},
    )
    with pytest.raises(UsageError, match=f"{whose} the baseline nine returned, has 90 of 90"):
        judged(RIGHT, unknown)


def test_a_row_without_error_is_right_where_less_is_better() -> None:
    """Of an error of 0 or 1, rows with 1 are the wrong ones."""
    of = functions(
        PRIMARY="error",
        HIGHER_IS_BETTER=False,
        score=lambda rows, predictions: {"error": predictions != rows[1]},
        baselines=lambda _data: {},
    )
    assert judged(NEARLY, of).correct == 81


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "baselines returned None; return predictions by name"),
        ([1, 2], "baselines returned a list; return predictions by name"),
        ({"short": [1]}, "the baseline short returned 1 predictions for 90 rows"),
    ],
)
def test_baselines_are_predictions_by_name(given: object, problem: str) -> None:
    """Anything else is refused in one sentence."""
    with pytest.raises(UsageError, match=rf"^tasks/T3.py: {problem}"):
        judged(RIGHT, functions(baselines=lambda _data: given))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (tuple(RIGHT), "predict returned a tuple of 90 single values, and a tuple is columns"),
        (("yes",) * 90, "predict returned a tuple of 90 single values"),
        (None, "what predict returned is of type NoneType, whose rows cannot be counted"),
    ],
)
def test_what_are_no_predictions_is_refused(values: object, problem: str) -> None:
    """A tuple is taken for columns, so one of answers has to be a list."""
    with pytest.raises(UsageError, match=rf"^tasks/T3.py: {problem}"):
        judged(values)


def test_predictions_that_pickle_refuses_are_named() -> None:
    """Nothing tells whether two of them are the same."""
    with pytest.raises(UsageError, match=r"^tasks/T3.py: what predict returned cannot be compared"):
        repr(predicted([lambda: 1]))


def test_what_load_raises_is_one_sentence_with_its_line() -> None:
    """The session has not begun then; a traceback through greenbench would say less."""

    def absent(_seed: int, _sizes: object) -> object:
        raise FileNotFoundError("rows.csv")

    said = r"^tasks/T3.py: load failed with FileNotFoundError: rows.csv \(test_judging.py:\d+\)"
    with pytest.raises(UsageError, match=said):
        splits.load(functions(load=absent), 0, WantedRows())


def test_a_prediction_for_each_row_is_needed() -> None:
    """Fewer are refused before they are scored."""
    with pytest.raises(UsageError, match="predict returned 89 predictions for 90 rows"):
        judged(RIGHT[1:])


def test_all_predictions_are_in_their_checksum() -> None:
    """Also of an iterator, which is read once."""
    assert repr(predicted(list(range(5000)))) == repr(predicted(iter(range(5000))))
    assert repr(predicted(RIGHT)) != repr(predicted(NEARLY))


def test_splits_have_facts_and_test_rows_in_training_are_named() -> None:
    """The same seed gives the same checksum."""
    again = splits.load(FUNCTIONS, 0, WantedRows(60, 10, 90))
    assert again.facts == SPLITS.facts
    assert SPLITS.facts["split_sizes"] == {"train": 60, "valid": 10, "test": 90}
    assert splits.leak_doubts(SPLITS.facts) == ()
    leaking = functions(load=lambda _seed, _sizes: (["a", "b"], [], ["b", "c"]))
    facts = splits.load(leaking, 0, WantedRows()).facts
    assert "1 of the test rows are in the training" in splits.leak_doubts(facts)[0]


@pytest.mark.parametrize(
    ("loaded", "problem"),
    [
        (([1], [2]), "load returned a tuple of 2; return train, valid, test"),
        ({"train": [1]}, "load returned a dict; return train, valid, test"),
        (([1], [2], []), "test of load has no rows; there is nothing to score"),
        (([1], 3, [4]), "valid of load is of type int, whose rows cannot be counted"),
    ],
)
def test_what_are_no_splits_is_refused(loaded: object, problem: str) -> None:
    """The sentence says what load returns."""
    with pytest.raises(UsageError, match=rf"^tasks/T3.py: {problem}"):
        splits.load(functions(load=lambda _seed, _sizes: loaded), 0, WantedRows())
