"""Text classification with any number of labels: the likeliest class is the answer."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from greenbench.data import text_splits
from greenbench.data.examples import relabelled
from greenbench.errors import GreenbenchError, UsageError
from greenbench.tasks.kinds import judging, labels, learners, rows
from greenbench.types import MOST_ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.data.tables import Table
    from greenbench.data.text_splits import TextSplits
    from greenbench.stats.classification_scores import Array
    from greenbench.stats.summed_answers import SummedAnswers
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.kinds.description import TaskDescription
    from greenbench.tasks.request import DataRequest
    from greenbench.types import AnsweredRow, Judged

SCORES = {
    "accuracy": True,
    "macro_f1": True,
    "weighted_f1": True,
    "mcc": True,
    "log_loss": False,
}
PRIMARY = "accuracy"
DESCRIPTIONS = {
    "majority": "always giving the commonest label",
    "random": "drawing labels as often as they are given",
    "tfidf": "counting words (TF-IDF and logistic regression)",
}
MOST_WORDS = 20_000
"""Train rows that a baseline is fitted on; of more, every second, third, ... one is taken."""


def load(description: TaskDescription, request: DataRequest) -> TextSplits[int]:
    """Return the splits that a cell asks for, their labels numbered.

    Raises UsageError for bad data, and for a split with one label alone.
    """
    table = rows.RowsOfTable(description, request)
    read = table.examples(rows.plain_text, _label)
    numbers = labels.numbered((example.label for example in read), description)
    examples = []
    for example in read:
        label = numbers[example.label]
        examples.append(relabelled(example, label))
    splits = text_splits.split(
        examples,
        rows.wanted(request),
        origin=table.origin,
        facts=table.facts,
        labels=tuple(numbers),
    )
    for name in ("train", "test"):
        given = {example.label for example in getattr(splits, name)}
        if len(given) < 2:  # noqa: PLR2004
            raise UsageError(
                f"{table.origin}: all rows of the {name} split have the label "
                f"{splits.labels[min(given)]!r}; give more rows, or another split rule"
            )
    return splits


def _label(table: Table, role: str, row: int) -> str:
    value = table.columns[role][row]
    return labels.text_of(value)


def judge(
    splits: TextSplits[int],
    outputs: Sequence[Sequence[float]],
    baselines: DummyBaselines,
    primary: str,
) -> Judged:
    """Score the probabilities of each class, row by row.

    Raises GreenbenchError if they are no probabilities, and ValueError if a row has none.
    """
    probabilities = _checked(splits, outputs)
    answers = _answered(splits, probabilities)
    constants = _constants(splits)
    bar = judging.Bar(decides="mcc", constants=constants)
    degenerate = _constant(splits, probabilities)
    doubts = _doubts(splits)
    return judging.judged(
        answers,
        baselines,
        scores=SCORES,
        primary=primary,
        bar=bar,
        degenerate=degenerate,
        answered=_in_words(splits, probabilities),
        doubts=doubts,
    )


def _in_words(splits: TextSplits[int], probabilities: Array) -> tuple[AnsweredRow, ...]:
    """Return the first rows with the label of each, and how probable it is."""
    rows = []
    for number, example in enumerate(splits.test[:MOST_ANSWERED]):
        shares = probabilities[number]
        chosen = int(shares.argmax())
        truth = splits.labels[example.label]
        called = splits.labels[chosen]
        share = shares[chosen]
        output = f"{called} (probability {share:.3f})"
        right = chosen == example.label
        row = judging.in_words(number, example.text, truth, output, right=right)
        rows.append(row)
    return tuple(rows)


def _checked(splits: TextSplits[int], outputs: Sequence[Sequence[float]]) -> Array:
    import numpy as np

    count = len(splits.test)
    if len(outputs) != count:
        raise ValueError(f"{count} rows and {len(outputs)} answers cannot be scored")
    probabilities = np.asarray(outputs, float)
    if not np.isfinite(probabilities).all():
        raise GreenbenchError(
            "some predicted probabilities are no numbers; the model diverged: lower the learning "
            "rate or use a wider format"
        )
    return probabilities


def _answered(splits: TextSplits[int], probabilities: Array) -> SummedAnswers:
    import numpy as np

    from greenbench.stats import summed_answers
    from greenbench.stats.summed_answers import AnsweredRows

    truth = np.array([example.label for example in splits.test])
    about = AnsweredRows(texts=splits.test_rows, groups=splits.groups)
    return summed_answers.classes(truth, probabilities, about)


def _constants(splits: TextSplits[int]) -> dict[str, float]:
    """Return what the best constant answer reaches on the test rows."""
    counts = Counter(example.label for example in splits.test)
    largest = max(counts.values()) / len(splits.test)
    f1 = 2 * largest / (1 + largest)
    entropy = 0.0
    for count in counts.values():
        share = count / len(splits.test)
        entropy -= share * math.log(share)
    constants = {"mcc": 0.0}
    constants["accuracy"] = largest
    constants["macro_f1"] = f1 / len(counts)
    constants["weighted_f1"] = largest * f1
    constants["log_loss"] = entropy
    return constants


def _constant(splits: TextSplits[int], probabilities: Array) -> tuple[str, ...]:
    """Say if the answers are no prediction: one output, or one label, for everything."""
    count = len(probabilities)
    if count > 1 and (probabilities == probabilities[0]).all():
        return (f"the model gives one output for all {count} test rows",)
    chosen = set(probabilities.argmax(axis=1).tolist())
    if len(chosen) == 1:
        name = splits.labels[chosen.pop()]
        return (f"the model calls all {count} test rows {name!r}",)
    return ()


def _doubts(splits: TextSplits[int]) -> list[str]:
    counts = Counter(example.label for example in splits.test)
    trained = {example.label for example in splits.train}
    warnings = []
    unseen = [splits.labels[label] for label in sorted(counts.keys() - trained)]
    if unseen:
        names = ", ".join(unseen[:3])
        warnings.append(f"{len(unseen)} labels of test rows are not in train: {names}")
    return warnings


def baselines(splits: TextSplits[int]) -> DummyBaselines:
    """Let each dummy answer the test rows."""
    import numpy as np

    step = math.ceil(len(splits.train) / MOST_WORDS)
    train = splits.train[::step]
    given = np.array([example.label for example in train])
    count = len(splits.labels)
    shares = np.bincount(given, minlength=count) / len(given)
    test = len(splits.test)
    draws = np.random.default_rng(0).choice(count, size=test, p=shares)
    answered = {}
    answered["majority"] = np.tile(shares, (test, 1))
    one_hot = np.eye(count)
    answered["random"] = one_hot[draws]
    answered["tfidf"] = learners.class_probabilities(train, splits.test, count)
    summed = {name: _answered(splits, answers) for name, answers in answered.items()}
    return judging.dummies(summed, DESCRIPTIONS, SCORES)
