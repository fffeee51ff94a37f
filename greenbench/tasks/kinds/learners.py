"""Bag-of-words learners of scikit-learn, as dummy baselines: seconds on one core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.data.examples import AnyExample, ExampleOf
    from greenbench.stats.classification_scores import Array


def class_probabilities(
    train: Sequence[ExampleOf[int]], test: Sequence[ExampleOf[int]], classes: int
) -> Array:
    """Return the probabilities of ``classes`` for each test text, 0 for one that train lacks."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    learner = LogisticRegression(class_weight="balanced", max_iter=1000)
    known, others = _counted(train, test)
    fitted = learner.fit(known, [example.label for example in train])
    probabilities = np.zeros((len(test), classes))
    probabilities[:, fitted.classes_] = fitted.predict_proba(others)
    return probabilities


def numbers(train: Sequence[ExampleOf[float]], test: Sequence[ExampleOf[float]]) -> Array:
    """Return a number for each test text."""
    import numpy as np
    from sklearn.linear_model import Ridge

    known, others = _counted(train, test)
    fitted = Ridge().fit(known, [example.label for example in train])
    return np.asarray(fitted.predict(others), float)


def _counted(train: Sequence[AnyExample], test: Sequence[AnyExample]) -> tuple[object, object]:
    """Return TF-IDF of the words of both, one-letter ones too."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"\w+")  # noqa: S106  no password
    known = words.fit_transform([example.text for example in train])
    return known, words.transform([example.text for example in test])
