"""How two models differ on the same test rows: the paired bootstrap, and McNemar's test.

Pairing removes what both owe to the rows. McNemar's test (Psychometrika 1947), here in its exact
binomial form, asks whether the rows that only one of them gets right fall evenly; it knows nothing
of classes, so that on rare ones the score's difference tells more. Rows count as independent in it,
near-duplicates too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from greenbench.stats import (
    bootstrap,
    classification_answers,
    row_answers,
    summed_answers,
    translation_answers,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.stats.classification_scores import Array


MOST_REMEMBERED = 32
"""Outcomes whose scores are kept, some 16 kB for each score."""


class PairedDifference(NamedTuple):
    """A score of one model minus that of another, with a 95 % interval; None where undefined."""

    value: float | None
    low: float | None
    high: float | None


class McNemar(NamedTuple):
    """Rows that only one model gets right, and the two-sided p-value of their falling evenly."""

    only_one: int
    only_other: int
    p: float


def alike(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two kept outcomes answer the same rows, equally labelled, grouped and weighted."""
    if not one or not other:
        return False
    keys = ("kind", "n", "rows_sha256", "labels_bits", "groups_i32", "class_weights")
    return all(one.get(key) == other.get(key) for key in keys)


def differences(
    one: Mapping[str, object], other: Mapping[str, object], *, factor: float = 1.0
) -> dict[str, PairedDifference]:
    """Return one model minus ``factor`` times another in each score that both have.

    ``one`` and ``other`` are kept outcomes. Raises ValueError where they do not answer the same
    rows.
    """
    return differences_of_each([(one, other)], factor=factor)[0]


def differences_of_each(
    pairs: Sequence[tuple[Mapping[str, object], Mapping[str, object]]],
    names: Collection[str] = (),
    *,
    factor: float = 1.0,
) -> list[dict[str, PairedDifference]]:
    """Return the ``differences`` of each pair, in the scores ``names`` or in all.

    Rounds on the same rows share their resamples: eight of them take hardly longer than one.
    """
    kept = []
    for one, other in pairs:
        if not alike(one, other):
            raise ValueError("the outcomes are of different test rows, and cannot be paired")
        kept += [one, other]
    scored = RECENT.scores(kept, names)
    by_pair = []
    for one_model, other_model in zip(scored[::2], scored[1::2], strict=True):
        by_score = {}
        for name, value in one_model.point.items():
            if name in other_model.point and (not names or name in names):
                difference = value - factor * other_model.point[name]
                resampled = one_model.drawn[name] - factor * other_model.drawn[name]
                by_score[name] = _difference(difference, resampled)
        by_pair.append(by_score)
    return by_pair


class ScoredOutcomes(NamedTuple):
    """The scores of kept outcomes."""

    kept: Mapping[str, object]
    point: dict[str, float]
    """On the rows as they are."""
    drawn: dict[str, Array]
    """On each resample."""


class RecentScores:
    """The outcomes that were scored last: those of V0, which each cell is compared with, once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[tuple[int, frozenset[str]], ScoredOutcomes] = {}

    def scores(
        self, kept: Sequence[Mapping[str, object]], names: Collection[str]
    ) -> list[ScoredOutcomes]:
        """Return the scores of each of the outcomes, at least ``names``, or all."""
        wanted = frozenset(names)
        found = {}
        lacking = {}
        for outcomes in kept:
            key = id(outcomes), wanted  # as long as the outcomes are known here, no others have it
            if key in self._known:
                found[key] = self._known[key]
            else:
                lacking[key] = outcomes
        models = [read(outcomes) for outcomes in lacking.values()]
        drawn = bootstrap.replicates_of_each(models, names)
        for (key, outcomes), model, of_model in zip(lacking.items(), models, drawn, strict=True):
            found[key] = ScoredOutcomes(outcomes, model.point(), of_model)
        self._remember(found)
        return [found[id(outcomes), wanted] for outcomes in kept]

    def _remember(self, found: Mapping[tuple[int, frozenset[str]], ScoredOutcomes]) -> None:
        """Keep what was asked for last."""
        others = {key: scored for key, scored in self._known.items() if key not in found}
        together = [*others.items(), *found.items()]
        self._known = dict(together[-MOST_REMEMBERED:])


RECENT = RecentScores()


def read(kept: Mapping[str, object]) -> bootstrap.Answers:
    """Return the answers that a results file keeps, of a classifier, of translations or by row."""
    if kept.get("kind") in summed_answers.READERS:
        return summed_answers.read(kept)
    if kept.get("kind") == row_answers.KIND:
        return row_answers.read(kept)
    if kept.get("kind") == translation_answers.KIND:
        return translation_answers.read(kept)
    return classification_answers.read(kept)


def _difference(value: float, drawn: Array) -> PairedDifference:
    if math.isnan(value):
        return PairedDifference(None, None, None)
    bounds = bootstrap.interval(drawn)
    return PairedDifference(value, bounds.low, bounds.high)


def mcnemar(one: Mapping[str, object], other: Mapping[str, object]) -> McNemar | None:
    """Return the test for two kept outcomes of the same rows; p is 1 where they never disagree.

    None if a row's answer is no right or wrong one, like a number that is estimated.

    The p-value is that of ``scipy.stats.binomtest``, by the binomial distribution of
    ``scipy.special``: reports call this, and importing ``scipy.stats`` would take them a second.
    """
    from scipy.special import bdtr

    if one["right_bits"] is None or other["right_bits"] is None:
        return None
    right = classification_answers.bits(one, "right_bits")
    other_right = classification_answers.bits(other, "right_bits")
    only_one = int((right & ~other_right).sum())
    only_other = int((other_right & ~right).sum())
    disagreements = only_one + only_other
    if not disagreements:
        return McNemar(0, 0, 1.0)
    one_sided = float(bdtr(min(only_one, only_other), disagreements, 0.5))
    return McNemar(only_one, only_other, min(1.0, 2 * one_sided))
