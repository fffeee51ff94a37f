"""Trivial translators, scored on the same test pairs as the model: one that does not beat them has learned nothing.

*copy_source* gives the source back; *nearest* gives the translation of the most similar training pair (cosine of TF-IDF
over words and signs); *empty* writes nothing. They run outside every measured window, once a session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.tasks.dummies import Rivals
from greenbench.tasks.translation import scores as translation_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.data.pairs import Pair, PairSplits

SPEAKING = {
    "copy_source": "giving the source back",
    "nearest": "giving the translation of the most similar training pair",
    "empty": "writing nothing",
}
"""Reference to what it does, for sentences."""


def rivals(splits: PairSplits) -> Rivals:
    """Let every reference translate ``splits.test``, and score that as a model's answers are."""
    from greenbench.stats import bootstrap

    answers = {name: translate(splits) for name, translate in TRANSLATORS.items()}
    scored = {name: translation_scores.scored(splits, outputs) for name, outputs in answers.items()}
    return Rivals(
        scores={
            name: {metric: m.value for metric, m in one.quality.items()}
            for name, one in scored.items()
        },
        drawn={name: bootstrap.replicates(one.answers) for name, one in scored.items()},
        speaking=SPEAKING,
    )


def _copies(splits: PairSplits) -> list[str]:
    return [pair.source for pair in splits.test]


def _nothing(splits: PairSplits) -> list[str]:
    return [""] * len(splits.test)


def _nearest(splits: PairSplits) -> list[str]:
    known = [pair for pair in splits.train if pair.target is not None]
    return (
        [str(known[k].target) for k in most_similar(known, splits.test)]
        if known
        else _nothing(splits)
    )


def most_similar(known: Sequence[Pair], asked: Sequence[Pair]) -> list[int]:
    """Return for each pair that is asked about the place of the known one with the most similar source."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", lowercase=False)  # noqa: S106  no password
    table = words.fit_transform([pair.source for pair in known])
    rows = words.transform([pair.source for pair in asked])
    return [int((row @ table.T).toarray().argmax()) for row in rows]


TRANSLATORS: Mapping[str, Callable[[PairSplits], list[str]]] = {
    "copy_source": _copies,
    "nearest": _nearest,
    "empty": _nothing,
}
