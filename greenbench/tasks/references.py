"""Trivial predictors, scored on the same test rows as the model: a model that does not beat them has learned nothing.

They read no structure: the *majority* class sees nothing, *length* only how long a function is, *bag_of_words* which
words it holds in any order. They are fitted on the train rows in seconds on one core, outside every measured window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from greenbench.tasks import vulnerability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.tasks.splits import Splits

METRICS = ("mcc", "roc_auc", "macro_f1")

Predictor = Callable[[Sequence[str], Sequence[int], Sequence[str]], list[float]]
"""Train texts, train labels and test texts to the test rows' probabilities of "vulnerable"."""


def score_all(splits: Splits) -> dict[str, dict[str, float | None]]:
    """Return predictor, then metric (see ``METRICS``), then its value on ``splits.test``; None where it is undefined.

    The logistic regressions weigh the classes evenly, so that they name the rare class at the threshold 0.5 too;
    without that their MCC would be near 0 on unbalanced data and flatter every model beside them.
    """
    texts, labels = [e.text for e in splits.train], [e.label for e in splits.train]
    test, truth = [e.text for e in splits.test], [e.label for e in splits.test]
    scored = {name: vulnerability.score(truth, predict(texts, labels, test)) for name, predict in _PREDICTORS.items()}
    return {name: {metric: metrics[metric].value for metric in METRICS} for name, metrics in scored.items()}


def _majority(_texts: Sequence[str], labels: Sequence[int], test: Sequence[str]) -> list[float]:
    return [float(2 * sum(labels) > len(labels))] * len(test)


def _length(texts: Sequence[str], labels: Sequence[int], test: Sequence[str]) -> list[float]:
    """Logistic regression on the logarithm of the number of characters."""
    from sklearn.linear_model import LogisticRegression

    return _fitted(LogisticRegression(class_weight="balanced"), _log_lengths(texts), labels, _log_lengths(test))


def _log_lengths(texts: Sequence[str]) -> list[list[float]]:
    return [[math.log1p(len(text))] for text in texts]


def _bag_of_words(texts: Sequence[str], labels: Sequence[int], test: Sequence[str]) -> list[float]:
    """TF-IDF of single words as scikit-learn cuts them by default, then logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer()
    # liblinear is several times faster here than the default solver on sparse rows, and gives the same scores
    classifier = LogisticRegression(class_weight="balanced", solver="liblinear", max_iter=1000)
    return _fitted(classifier, words.fit_transform(texts), labels, words.transform(test))


def _fitted(classifier: Any, train: Any, labels: Sequence[int], test: Any) -> list[float]:
    probabilities = classifier.fit(train, labels).predict_proba(test)
    return [float(p) for p in probabilities[:, list(classifier.classes_).index(1)]]


_PREDICTORS: Mapping[str, Predictor] = {"majority": _majority, "length": _length, "bag_of_words": _bag_of_words}
