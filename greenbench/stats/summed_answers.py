"""What came of each row of a test split, where scores are made of sums over rows.

Kept by row, the sums give the scores of any resample, and of two models on the same one. ``kind``
says which scores they make: of classes, of marked spans, or of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from greenbench.stats.classification_answers import checksum
from greenbench.stats.packing import pack, pack_bits, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from greenbench.stats.classification_scores import Array

    Scores: TypeAlias = "dict[str, Array]"
    """Each score of many resamples."""

SMALLEST = 1e-12
"""Of a probability whose logarithm is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummedAnswers:
    """The answers of one model to the rows of a test split, in their order."""

    kind: str
    """A key of ``READERS``."""
    raw: Mapping[str, Array]
    """What is kept of each row, by its name and packed type: ``labels_u2``; shape (rows, ...)."""
    columns: Array
    """What is summed, of shape (rows, columns)."""
    score: Callable[[Array], Scores]
    """Returns the scores of sums of shape (resamples, columns)."""
    rows_sha256: str
    """Of the rows with their right answers: only answers to the same rows can be paired."""
    groups: Array
    """Which rows belong together: near-duplicates are resampled as one. Integers, shape (rows,)."""
    right: Array | None = None
    """Which answers are right; None if none is simply right or wrong."""
    classes: int = 0
    """Classes that there are; 0 where answers are none."""

    def point(self) -> dict[str, float]:
        """Return each score on the rows as they are, NaN where undefined."""
        scores = self.score(self.columns.sum(axis=0)[None])
        return {name: float(values[0]) for name, values in scores.items()}

    def scorer(self, names: Collection[str] = ()) -> Callable[[Array], Scores]:  # noqa: ARG002  none takes long
        """Return what scores weights of shape (resamples, rows)."""
        return lambda weights: self.score(weights @ self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredRows:
    """The rows that answers are for."""

    texts: Iterable[str]
    """Each with its right answer: what makes it the same row."""
    groups: Sequence[int] = field(default=())

    def grouped(self, count: int) -> Array:
        """Return the group of each of ``count`` rows; without groups each is its own."""
        return np.asarray(self.groups if len(self.groups) else range(count), np.int32)


def _ratio(above: Array, below: Array) -> Array:
    """Return a quotient; NaN where nothing is below."""
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient: Array = above / below
    return np.where(below == 0, np.nan, quotient)


# --- classes --------------------------------------------------------------------------------------


def classes(labels: Array, probabilities: Array, rows: AnsweredRows) -> SummedAnswers:
    """Return a classifier's answers: the likeliest class of each row.

    ``labels`` has shape (rows,), ``probabilities`` (rows, classes).
    """
    truth = np.asarray(labels, np.int64)
    given = np.asarray(probabilities, float)
    count = len(truth)
    places = np.arange(count)
    of_truth = given[places, truth]
    positive = np.maximum(of_truth, SMALLEST)
    surprise = -np.log(positive)
    kept = surprise.astype(np.float32)
    digest = checksum(rows.texts)
    chosen = given.argmax(axis=1)
    groups = rows.grouped(count)
    return _classes(truth, chosen, kept.astype(float), given.shape[1], digest, groups)


def _classes(
    truth: Array, chosen: Array, surprise: Array, count: int, digest: str, groups: Array
) -> SummedAnswers:
    one_hot = np.eye(count)
    actual = one_hot[truth]
    called = one_hot[chosen]
    right = truth == chosen
    hits = actual * called
    columns = np.hstack([actual, called, hits, surprise[:, None]])
    raw = {}
    raw["labels_u2"] = truth
    raw["chosen_u2"] = chosen
    raw["surprise_f4"] = surprise
    return SummedAnswers(
        kind="classes",
        raw=raw,
        columns=columns,
        score=class_scores,
        rows_sha256=digest,
        groups=groups,
        right=right,
        classes=count,
    )


def class_scores(sums: Array) -> Scores:
    """Return the scores of classes, of counts by class: rows, rows called so, and hits.

    ``mcc`` is Gorodkin's R_K (Computational Biology and Chemistry 2004). F1 is averaged over the
    classes that rows have or are called.
    """
    columns = sums.shape[1]
    count = columns // 3
    borders = [count, 2 * count, 3 * count]
    actual, called, hits, surprise = np.split(sums, borders, axis=1)
    total = actual.sum(axis=1)
    right = hits.sum(axis=1)
    doubled = 2 * hits
    f1 = _ratio(doubled, actual + called)
    known = ~np.isnan(f1)
    filled = np.nan_to_num(f1)
    weighted = filled * actual
    scores: Scores = {}
    scores["accuracy"] = _ratio(right, total)
    scores["macro_f1"] = _ratio(filled.sum(axis=1), known.sum(axis=1))
    scores["weighted_f1"] = _ratio(weighted.sum(axis=1), total)
    scores["mcc"] = _correlation(actual, called, right)
    scores["log_loss"] = _ratio(surprise[:, 0], total)
    return scores


def _correlation(actual: Array, called: Array, right: Array) -> Array:
    """Return R_K: 0 if one class is called for all rows, NaN if all rows have one class."""
    total = actual.sum(axis=1)
    by_chance = (actual * called).sum(axis=1)
    spread_actual = _spread(actual, total)
    spread_called = _spread(called, total)
    covariance = right * total - by_chance
    spread = np.sqrt(spread_actual * spread_called)
    is_constant = spread == 0
    divisor = np.where(is_constant, 1.0, spread)
    correlation = np.where(is_constant, 0.0, covariance / divisor)
    return np.where(spread_actual == 0, np.nan, correlation)


def _spread(counts: Array, total: Array) -> Array:
    squares = counts**2
    spread: Array = total**2 - squares.sum(axis=1)
    return spread


# --- spans ----------------------------------------------------------------------------------------


def spans(counts: Array, rows: AnsweredRows) -> SummedAnswers:
    """Return a tagger's answers.

    ``counts`` has shape (rows, 5): words, words tagged right, spans, spans marked, and spans marked
    right.
    """
    table = np.asarray(counts, float)
    return _spans(table, checksum(rows.texts), rows.grouped(len(table)))


def _spans(table: Array, digest: str, groups: Array) -> SummedAnswers:
    words, right_words = table[:, 0], table[:, 1]
    return SummedAnswers(
        kind="spans",
        raw={"counts_u2": table},
        columns=table,
        score=span_scores,
        rows_sha256=digest,
        groups=groups,
        right=words == right_words,
    )


def span_scores(sums: Array) -> Scores:
    """Return the share of words that are tagged right, and precision, recall and F1 of spans."""
    words, right, actual, marked, hits = sums.T
    doubled = 2 * hits
    scores: Scores = {}
    scores["f1"] = _ratio(doubled, actual + marked)
    scores["precision"] = _ratio(hits, marked)
    scores["recall"] = _ratio(hits, actual)
    scores["accuracy"] = _ratio(right, words)
    return scores


# --- numbers --------------------------------------------------------------------------------------


def numbers(truth: Array, answers: Array, rows: AnsweredRows) -> SummedAnswers:
    """Return a regression's answers, a number a row."""
    true, given = np.asarray(truth, float), np.asarray(answers, float)
    return _numbers(true, given, checksum(rows.texts), rows.grouped(len(true)))


def _numbers(true: Array, given: Array, digest: str, groups: Array) -> SummedAnswers:
    # Sums of squares lose digits where the mean is large beside the spread: so take it off.
    centre = true.mean()
    y = true - centre
    x = given - centre
    apart = x - y
    one = np.ones_like(y)
    parts = [one, abs(apart), apart**2, y, x, y * y, x * x, x * y]
    columns = np.stack(parts, axis=1)
    raw = {}
    raw["truth_f8"] = true
    raw["answers_f8"] = given
    return SummedAnswers(
        kind="numbers",
        raw=raw,
        columns=columns,
        score=number_scores,
        rows_sha256=digest,
        groups=groups,
    )


def number_scores(sums: Array) -> Scores:
    """Return errors and correlations: R2 is 1 for right answers, 0 for the mean of the rows."""
    count, apart, squares, y, x, yy, xx, xy = sums.T
    mean_y = y / count
    mean_x = x / count
    spread_y = np.maximum(yy - y * mean_y, 0.0)
    spread_x = np.maximum(xx - x * mean_x, 0.0)
    covariance = xy - x * mean_y
    spread = np.sqrt(spread_x * spread_y)
    unexplained = _ratio(squares, spread_y)
    mean_square = squares / count
    scores: Scores = {}
    scores["mae"] = apart / count
    scores["rmse"] = np.sqrt(mean_square)
    scores["r2"] = 1 - unexplained
    scores["pearson"] = _ratio(covariance, spread)
    return scores


# --- results files --------------------------------------------------------------------------------


def record(answers: SummedAnswers) -> dict[str, object]:
    """Return ``answers`` as builtins for a results file: 4 to 16 bytes a row."""
    names, groups = np.unique(answers.groups, return_inverse=True)
    count = len(groups)
    kept: dict[str, object] = {}
    kept["kind"] = answers.kind
    kept["n"] = count
    kept["rows_sha256"] = answers.rows_sha256
    is_alone = len(names) == count
    kept["groups_i32"] = None if is_alone else pack(groups, "<i4")
    for name, values in answers.raw.items():
        kept[name] = pack(values, _packed_type(name))
    right = answers.right
    kept["right_bits"] = None if right is None else pack_bits(right)
    if answers.classes:
        kept["classes"] = answers.classes
    return kept


def _packed_type(name: str) -> str:
    """Return the type of what is kept as ``labels_u2``."""
    _, _, kind = name.rpartition("_")
    return f"<{kind}"


class KeptRows:
    """What a results file keeps of answers."""

    def __init__(self, kept: Mapping[str, object]) -> None:
        """Read what all kinds have."""
        self._kept = kept
        self.count = self.whole("n")
        self.digest = str(kept["rows_sha256"])
        self.groups = np.arange(self.count)
        packed = kept.get("groups_i32")
        if packed is not None:
            self.groups = unpack(str(packed), "<i4")

    def whole(self, name: str) -> int:
        """Return a whole number."""
        return int(str(self._kept[name]))

    def numbers(self, name: str) -> Array:
        """Return the numbers that are kept by row."""
        values = unpack(str(self._kept[name]), _packed_type(name))
        return values.astype(float)


def _read_classes(kept: KeptRows) -> SummedAnswers:
    truth = kept.numbers("labels_u2").astype(np.int64)
    chosen = kept.numbers("chosen_u2").astype(np.int64)
    surprise = kept.numbers("surprise_f4")
    return _classes(truth, chosen, surprise, kept.whole("classes"), kept.digest, kept.groups)


def _read_spans(kept: KeptRows) -> SummedAnswers:
    counts = kept.numbers("counts_u2")
    table = counts.reshape(kept.count, 5)
    return _spans(table, kept.digest, kept.groups)


def _read_numbers(kept: KeptRows) -> SummedAnswers:
    true = kept.numbers("truth_f8")
    given = kept.numbers("answers_f8")
    return _numbers(true, given, kept.digest, kept.groups)


READERS: Mapping[str, Callable[[KeptRows], SummedAnswers]] = {
    "classes": _read_classes,
    "spans": _read_spans,
    "numbers": _read_numbers,
}


def read(kept: Mapping[str, object]) -> SummedAnswers:
    """Return the answers that ``record`` has written."""
    reader = READERS[str(kept["kind"])]
    return reader(KeptRows(kept))
