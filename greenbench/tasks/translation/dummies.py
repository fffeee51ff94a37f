"""Dummy translators, scored on the same test pairs as the model.

A model that does not beat them has learned nothing. *copy_source* returns the source; *nearest* the
translation of the most similar training pair (cosine of TF-IDF over words and signs); *empty*
writes nothing. They run outside every measured window, once a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.tasks.dummies import DummyBaselines
from greenbench.tasks.translation.scores import scored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from greenbench.data.pairs import Pair, PairSplits

DESCRIPTIONS = {
    "copy_source": "giving the source back",
    "nearest": "giving the translation of the most similar training pair",
    "empty": "writing nothing",
}
"""What each baseline does, for sentences."""


def baselines(splits: PairSplits) -> DummyBaselines:
    """Let every dummy translate ``splits.test``, and score that as a model's answers are."""
    from greenbench.stats import bootstrap

    scores = {}
    drawn = {}
    for name, translate in TRANSLATORS.items():
        result = scored(splits, translate(splits))
        drawn[name] = bootstrap.replicates(result.answers)
        scores[name] = {metric: score.value for metric, score in result.quality.items()}
    return DummyBaselines(scores=scores, drawn=drawn, descriptions=DESCRIPTIONS)


def _copies(splits: PairSplits) -> list[str]:
    return _sources(splits.test)


def _sources(pairs: Iterable[Pair]) -> list[str]:
    return [pair.source for pair in pairs]


def _nothing(splits: PairSplits) -> list[str]:
    return [""] * len(splits.test)


def _nearest(splits: PairSplits) -> list[str]:
    known = [pair for pair in splits.train if pair.target is not None]
    if not known:
        return _nothing(splits)
    translations = []
    for index in most_similar(known, splits.test):
        translations.append(str(known[index].target))
    return translations


def most_similar(known: Sequence[Pair], pairs: Sequence[Pair]) -> list[int]:
    """Return for each of ``pairs`` the index of the ``known`` one with the most similar source."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", lowercase=False)  # noqa: S106  no password
    known_rows = words.fit_transform(_sources(known))
    indices = []
    for row in words.transform(_sources(pairs)):
        similarities = (row @ known_rows.T).toarray()
        indices.append(int(similarities.argmax()))
    return indices


TRANSLATORS: Mapping[str, Callable[[PairSplits], list[str]]] = {
    "copy_source": _copies,
    "nearest": _nearest,
    "empty": _nothing,
}
