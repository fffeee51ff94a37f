"""Trivial predictors, scored on the same test rows as the model: a model that does not beat them has learned nothing.

They read no structure: the *majority* class sees nothing, *random* throws a coin, *length* only knows how
long a function is, *layout* how it is laid out (indentation, blank lines, spacing), *tfidf* which words it holds in any order.
They are fitted on the train rows in seconds on one core, choose their threshold on the validation rows as the model does, and
run outside every measured window.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from greenbench.tasks import vulnerability_scores
from greenbench.tasks.rivals import Rivals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.resampling.outcomes import Outcomes
    from greenbench.tasks.splits import Splits

Predictor = Callable[[Sequence[str], Sequence[int], Sequence[str]], list[float]]
"""Train texts, train labels and other texts to the probabilities of "vulnerable" of these."""
MOST = 20_000
"""Train rows that a reference is fitted on: of more, every second, third, ... one, so that seconds remain seconds."""
SPEAKING = {
    "majority": "always giving the commoner answer",
    "random": "throwing a coin",
    "length": "looking at the length alone",
    "layout": "looking at indentation, blank lines and spacing alone",
    "tfidf": "counting words (TF-IDF and logistic regression)",
}
"""Reference to what it does, for sentences."""


def rivals(splits: Splits) -> Rivals:
    """Fit every reference on ``splits.train`` and let it answer ``splits.test``.

    The logistic regressions weigh the classes evenly; their threshold is chosen on ``splits.valid``.
    """
    from greenbench.resampling import bootstrap

    answers = {name: _answers(splits, predict) for name, predict in PREDICTORS.items()}
    known = {name: vulnerability_scores.undefined(a) for name, a in answers.items()}
    points = {name: bootstrap.point(a) for name, a in answers.items()}
    scores = {n: {k: None if k in known[n] else v for k, v in found.items()} for n, found in points.items()}
    return Rivals(scores=scores, drawn={n: bootstrap.replicates(a) for n, a in answers.items()}, speaking=SPEAKING)


def _answers(splits: Splits, predict: Predictor) -> Outcomes:
    seen = splits.train[:: math.ceil(len(splits.train) / MOST)]
    train, labels = [e.text for e in seen], [e.label for e in seen]
    valid, test = [e.text for e in splits.valid], [e.text for e in splits.test]
    found = predict(train, labels, [*valid, *test])
    asked = vulnerability_scores.ask(splits, found[: len(valid)])
    return vulnerability_scores.answered(splits, found[len(valid) :], asked)


def _majority(_texts: Sequence[str], labels: Sequence[int], others: Sequence[str]) -> list[float]:
    return [float(2 * sum(labels) > len(labels))] * len(others)


def _random(_texts: Sequence[str], labels: Sequence[int], others: Sequence[str]) -> list[float]:
    """Draw a number for each row, above 0.5 with the base rate's probability; the draws are the same every time."""
    draws, rate = Random(0), sum(labels) / len(labels)
    return [0.5 + (rate - draws.random()) / 2 for _ in others]


def _length(texts: Sequence[str], labels: Sequence[int], others: Sequence[str]) -> list[float]:
    """Logistic regression on the logarithm of the number of characters."""
    return _scaled(_log_lengths(texts), labels, _log_lengths(others))


def _log_lengths(texts: Sequence[str]) -> list[list[float]]:
    return [[math.log1p(len(text))] for text in texts]


def _layout(texts: Sequence[str], labels: Sequence[int], others: Sequence[str]) -> list[float]:
    """Logistic regression on how lines begin, end and are spaced."""
    return _scaled([layout(t) for t in texts], labels, [layout(t) for t in others])


def layout(text: str) -> list[float]:
    """Return what a text's layout alone tells: shares of lines, and marks by character."""
    lines = text.splitlines() or [""]
    full = [line for line in lines if line.strip()] or [""]
    size, count = max(1, len(text)), len(full)
    return [
        1 - len(full) / len(lines),  # blank lines
        sum(not line[:1].isspace() for line in full) / count,  # unindented ones
        sum(line[:1] == "\t" for line in full) / count,
        sum(line != line.rstrip() for line in full) / count,
        sum(len(line) - len(line.lstrip()) for line in full) / count / 8,
        len(re.findall(r"(?<=\S)  +(?=\S)", text)) / count,  # runs of spaces within lines
        len(re.findall(r"[(,=+<>][^\s]", text)) / size * 10,
        text.count("\r") / size * 10,
        sum(map(len, full)) / count / 40,
        math.log1p(len(lines)),
    ]


def _tfidf(texts: Sequence[str], labels: Sequence[int], others: Sequence[str]) -> list[float]:
    """TF-IDF of single words, one-letter ones too, then logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(token_pattern=r"\w+")  # noqa: S106  no password
    # liblinear is several times faster here than the default solver on sparse rows, and gives the same scores
    classifier = LogisticRegression(class_weight="balanced", solver="liblinear", max_iter=1000)
    return _fitted(classifier, words.fit_transform(texts), labels, words.transform(others))


def _scaled(train: list[list[float]], labels: Sequence[int], others: list[list[float]]) -> list[float]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return _fitted(make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")), train, labels, others)


def _fitted(classifier: Any, train: Any, labels: Sequence[int], others: Any) -> list[float]:
    probabilities = classifier.fit(train, labels).predict_proba(others)
    return [float(p) for p in probabilities[:, list(classifier.classes_).index(1)]]


PREDICTORS: Mapping[str, Predictor] = {
    "majority": _majority,
    "random": _random,
    "length": _length,
    "layout": _layout,
    "tfidf": _tfidf,
}
