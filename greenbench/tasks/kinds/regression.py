"""Regression: a number for each text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.data import text_splits
from greenbench.errors import GreenbenchError, UsageError
from greenbench.tasks.kinds import judging, learners, rows
from greenbench.types import MOST_ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.data.text_splits import TextSplits
    from greenbench.stats.classification_scores import Array
    from greenbench.stats.summed_answers import SummedAnswers
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.kinds.description import TaskDescription
    from greenbench.tasks.request import DataRequest
    from greenbench.types import AnsweredRow, Judged

SCORES = {"mae": False, "rmse": False, "r2": True, "pearson": True}
PRIMARY = "mae"
DESCRIPTIONS = {
    "mean": "always giving the mean of the training rows",
    "median": "always giving the median of the training rows",
    "tfidf": "counting words (TF-IDF and ridge regression)",
}
MOST_WORDS = 20_000
"""Train rows that a baseline is fitted on; of more, every second, third, ... one is taken."""


def load(description: TaskDescription, request: DataRequest) -> TextSplits[float]:
    """Return the splits that a cell asks for; raises UsageError for bad data."""
    table = rows.RowsOfTable(description, request)
    examples = table.examples(rows.plain_text, rows.number)
    splits = text_splits.split(
        examples, rows.wanted(request), origin=table.origin, facts=table.facts
    )
    for name in ("train", "test"):
        given = {example.label for example in getattr(splits, name)}
        if len(given) == 1:
            raise UsageError(
                f"{table.origin}: all rows of the {name} split have the value {given.pop():g}; "
                "give more rows, or name another column"
            )
    return splits


def judge(
    splits: TextSplits[float], outputs: Sequence[float], baselines: DummyBaselines, primary: str
) -> Judged:
    """Score a number for each row.

    Raises GreenbenchError if one is infinite or none, and ValueError if a row has none.
    """
    import numpy as np

    count = len(splits.test)
    if len(outputs) != count:
        raise ValueError(f"{count} rows and {len(outputs)} answers cannot be scored")
    given = np.asarray(outputs, float)
    wrong = int((~np.isfinite(given)).sum())
    if wrong:
        raise GreenbenchError(
            f"{wrong} of {count} answers are no finite numbers; the model diverged: lower the "
            "learning rate or use a wider format"
        )
    degenerate: tuple[str, ...] = ()
    if count > 1 and (given == given[0]).all():
        degenerate = (f"the model gives one number, {given[0]:.4g}, for all {count} test rows",)
    answers = _answered(splits, given)
    bar = judging.Bar(decides="r2", constants={"r2": 0.0})
    return judging.judged(
        answers,
        baselines,
        scores=SCORES,
        primary=primary,
        bar=bar,
        degenerate=degenerate,
        answered=_in_words(splits, given),
    )


def _in_words(splits: TextSplits[float], given: Array) -> tuple[AnsweredRow, ...]:
    """Return the first rows with their numbers: none is right or wrong, but off by so much."""
    rows = []
    for number, example in enumerate(splits.test[:MOST_ANSWERED]):
        answer = float(given[number])
        distance = abs(answer - example.label)
        truth = f"{example.label:g}"
        output = f"{answer:.6g}"
        off = f"off by {distance:.3g}"
        row = judging.in_words(number, example.text, truth, output, right=None, outcome=off)
        rows.append(row)
    return tuple(rows)


def _answered(splits: TextSplits[float], given: Array) -> SummedAnswers:
    import numpy as np

    from greenbench.stats import summed_answers
    from greenbench.stats.summed_answers import AnsweredRows

    truth = np.array([example.label for example in splits.test])
    about = AnsweredRows(texts=splits.test_rows, groups=splits.groups)
    return summed_answers.numbers(truth, given, about)


def baselines(splits: TextSplits[float]) -> DummyBaselines:
    """Let each dummy answer the test rows."""
    import numpy as np

    step = math.ceil(len(splits.train) / MOST_WORDS)
    train = splits.train[::step]
    given = np.array([example.label for example in train])
    test = len(splits.test)
    answered = {}
    answered["mean"] = np.full(test, given.mean())
    answered["median"] = np.full(test, np.median(given))
    answered["tfidf"] = learners.numbers(train, splits.test)
    summed = {name: _answered(splits, answers) for name, answers in answered.items()}
    return judging.dummies(summed, DESCRIPTIONS, SCORES)
