"""Scores of a binary classifier on weighted rows, for many weightings at once.

Definitions are scikit-learn's. A weighting counts how often a row stands in a resample, or how much
its class weighs. All is vectorised over the weightings: a bootstrap of 2,000 costs less than a
second for 600 rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from greenbench.stats.classification_names import HIGHER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Array = np.ndarray[Any, Any]

AREAS = ("roc_auc", "pr_auc")
"""The scores that need the rows in the order of their probabilities."""
SORTED_CELLS = 32_000
"""Weights that are put in order at a time: larger arrays come as fresh pages of memory each time,
which takes longer than the arithmetic."""
ROUNDING = 1e-12
"""Difference of two scores that is none."""


class BinaryScorer:
    """Scores many weightings of the same rows: what no weight changes is computed once."""

    def __init__(
        self,
        labels: Array,
        probabilities: Array,
        threshold: float,
        *,
        names: Collection[str] = (),
    ) -> None:
        """Take rows of shape (rows,): ``labels`` (0 or 1) and ``probabilities`` of class 1.

        From ``threshold`` on a row is called 1. ``names`` are the scores to compute, all if there
        are none: those of ``AREAS``, which need the rows in order, take most of the time.
        """
        positive = labels == 1
        called = probabilities >= threshold
        columns = [
            positive & called,
            ~positive & called,
            positive & ~called,
            ~positive & ~called,
            (probabilities - labels) ** 2,
        ]
        self._columns = np.column_stack(columns).astype(float)
        chosen = [name for name in HIGHER_IS_BETTER if not names or name in names]
        self._names = [name for name in chosen if name not in AREAS]
        self._areas = [name for name in chosen if name in AREAS]
        self._ranking = Ranking(positive, probabilities) if self._areas else None

    def __call__(self, weights: Array) -> dict[str, Array]:
        """Return each score by weighting, for ``weights`` of shape (weightings, rows).

        No weight is negative. The arrays have shape (weightings,), and NaN where the score is
        undefined.
        """
        counts = Counts(*(weights @ self._columns).T)
        values = {}
        with np.errstate(invalid="ignore", divide="ignore"):
            for name in self._names:
                values[name] = OF_COUNTS[name](counts)
            if self._ranking is not None:
                for name in self._areas:
                    values[name] = self._ranking.area(name, weights)
        return values


class Counts(NamedTuple):
    """Weights of the rows by what they are and what they are called; shape (weightings,)."""

    tp: Array
    fp: Array
    fn: Array
    tn: Array
    squared_errors: Array

    @property
    def positives(self) -> Array:
        """Of class 1."""
        return self.tp + self.fn

    @property
    def negatives(self) -> Array:
        """Of class 0."""
        return self.fp + self.tn

    @property
    def total(self) -> Array:
        """Of all rows."""
        return self.positives + self.negatives

    @property
    def f1(self) -> Array:
        """F1 of class 1."""
        return _f1(self.tp, self.fp, self.fn)

    @property
    def f1_negative(self) -> Array:
        """F1 of class 0."""
        return _f1(self.tn, self.fp, self.fn)


def _macro_f1(counts: Counts) -> Array:
    both_classes = _both(counts.positives, counts.negatives)
    return np.where(both_classes, (counts.f1 + counts.f1_negative) / 2, np.nan)


def _f1_of_positives(counts: Counts) -> Array:
    return np.where(counts.positives > 0, counts.f1, np.nan)


def _precision(counts: Counts) -> Array:
    result: Array = counts.tp / (counts.tp + counts.fp)
    return result


def _recall(counts: Counts) -> Array:
    return counts.tp / counts.positives


def _accuracy(counts: Counts) -> Array:
    return (counts.tp + counts.tn) / counts.total


def _brier(counts: Counts) -> Array:
    return counts.squared_errors / counts.total


def _weighted_f1(counts: Counts) -> Array:
    weighted = counts.positives * counts.f1 + counts.negatives * counts.f1_negative
    result: Array = weighted / counts.total
    return result


def _mcc_of_counts(counts: Counts) -> Array:
    return _mcc(counts.tp, counts.fp, counts.fn, counts.tn)


OF_COUNTS: Mapping[str, Callable[[Counts], Array]] = {
    "mcc": _mcc_of_counts,
    "macro_f1": _macro_f1,
    "f1": _f1_of_positives,
    "precision": _precision,
    "recall": _recall,
    "accuracy": _accuracy,
    "brier": _brier,
    "weighted_f1": _weighted_f1,
}
"""The scores that need no order of the rows."""


class Ranking:
    """Rows by falling probability, which the areas under both curves are computed from.

    Only the rows of class 1 add to an area, each by what lies above it, so the others are looked at
    in running sums alone.
    """

    def __init__(self, positive: Array, probabilities: Array) -> None:
        """Order rows of shape (rows,); ``positive`` says which are of class 1."""
        order = np.argsort(-probabilities, kind="stable")
        falling = -probabilities[order]
        is_positive = positive[order]
        own, others = falling[is_positive], falling[~is_positive]
        self._positives, self._negatives = order[is_positive], order[~is_positive]
        # Rows above each positive, without and with those of its own probability.
        self._misses_above = np.searchsorted(others, own, "left")
        self._misses_down_to = np.searchsorted(others, own, "right")
        self._hits_down_to = np.searchsorted(own, own, "right")

    def area(self, name: str, weights: Array) -> Array:
        """Return an area of ``AREAS`` by weighting: ties count half; NaN without both classes."""
        compute = self._roc if name == "roc_auc" else self._average_precision
        step = max(1, SORTED_CELLS // weights.shape[1])
        areas = []
        for first in range(0, len(weights), step):
            block = weights[first : first + step]
            hits = np.take(block, self._positives, axis=1)
            misses = _running_sums(np.take(block, self._negatives, axis=1))
            all_hits, all_misses = hits.sum(axis=1), misses[:, -1]
            area = compute(hits, misses)
            areas.append(np.where(_both(all_hits, all_misses), area, np.nan))
        return np.concatenate(areas)

    def _roc(self, hits: Array, misses: Array) -> Array:
        """Return the area under the ROC curve; ``misses`` are running sums."""
        passed = np.take(misses, self._misses_above, axis=1)
        if (self._misses_above != self._misses_down_to).any():
            passed = (passed + np.take(misses, self._misses_down_to, axis=1)) / 2
        passed_hits = np.einsum("ij,ij->i", hits, passed)
        area: Array = 1 - passed_hits / (hits.sum(axis=1) * misses[:, -1])
        return area

    def _average_precision(self, hits: Array, misses: Array) -> Array:
        """Return the average precision; ``misses`` are running sums."""
        true_calls = np.take(_running_sums(hits), self._hits_down_to, axis=1)
        called = true_calls + np.take(misses, self._misses_down_to, axis=1)
        precisions = np.einsum("ij,ij->i", hits, _share(true_calls, called))
        area: Array = precisions / hits.sum(axis=1)
        return area


def _running_sums(weights: Array) -> Array:
    """Return the sums of the first 0, 1, ... columns."""
    sums = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def scores(
    weights: Array, labels: Array, probabilities: Array, threshold: float
) -> dict[str, Array]:
    """Return each score for each of the weightings: ``BinaryScorer`` for a single use."""
    return BinaryScorer(labels, probabilities, threshold)(weights)


def best_threshold(
    labels: Array, probabilities: Array, weights: Array | None = None
) -> float | None:
    """Return the threshold of the highest MCC on these weighted rows.

    It lies halfway between two neighbouring probabilities. Of equally good ones, it is the one that
    calls a share nearest to that of the positives. None where no threshold has an MCC above 0: one
    class only, or probabilities that tell nothing.
    """
    if weights is None:
        weights = np.ones(len(labels))
    positive = labels == 1
    order = np.argsort(-probabilities, kind="stable")
    descending = probabilities[order]
    # the last rows before a smaller probability: calling up to one of them is a cut
    (cuts,) = np.nonzero(descending[1:] < descending[:-1])
    if not len(cuts) or positive.all() or not positive.any():
        return None
    called_up_to = np.cumsum(weights[order])
    hits_up_to = np.cumsum((weights * positive)[order])
    called = called_up_to[cuts]
    positives = hits_up_to[-1]
    reached = _mcc_of_cuts(hits_up_to[cuts], called, positives, called_up_to[-1])
    if not reached.max() > ROUNDING:
        return None
    (best,) = np.nonzero(reached >= reached.max() - ROUNDING)
    nearest = best[np.argmin(np.abs(called[best] - positives))]
    cut = cuts[nearest]
    return _between(float(descending[cut + 1]), float(descending[cut]))


def best_mcc(labels: Array, probabilities: Array) -> float:
    """Return the MCC at ``best_threshold``; 0 where no threshold has one above 0."""
    threshold = best_threshold(labels, probabilities)
    if threshold is None:
        return 0.0
    scorer = BinaryScorer(labels, probabilities, threshold, names=["mcc"])
    return float(scorer(np.ones((1, len(labels))))["mcc"][0])


def _mcc_of_cuts(tp: Array, called: Array, positives: float, total: float) -> Array:
    """Return the MCC of calling the rows above each cut, by their weights."""
    fn = positives - tp
    return _mcc(tp, called - tp, fn, total - called - fn)


def _between(low: float, high: float) -> float:
    """Return the middle, or ``high`` where no number lies between.

    As a threshold it calls the one and not the other.
    """
    middle = low + (high - low) / 2
    return middle if middle > low else high


def _f1(hits: Array, false_calls: Array, misses: Array) -> Array:
    """Return the harmonic mean of precision and recall, 0 where nothing is called or there."""
    return _share(2 * hits, 2 * hits + false_calls + misses)


def _both(first: Array, second: Array) -> Array:
    both: Array = (first > 0) & (second > 0)
    return both


def _share(part: Array, whole: Array) -> Array:
    """Return the quotient, 0 where nothing is to be divided."""
    divisor = np.where(whole > 0, whole, 1)
    return np.where(whole > 0, part / divisor, 0.0)


def _mcc(tp: Array, fp: Array, fn: Array, tn: Array) -> Array:
    """Return Matthews' correlation.

    It is 0 where one answer is given to all rows, and NaN where there is one class only.
    """
    called_spread = np.sqrt((tp + fp) * (tp + fn))
    left_spread = np.sqrt((tn + fp) * (tn + fn))
    mcc = _share(tp * tn - fp * fn, called_spread * left_spread)
    both_classes = _both(tp + fn, fp + tn)
    return np.where(both_classes, mcc, np.nan)
