"""How two models differ on the same test rows: the paired bootstrap of any score, and McNemar's test of who is right.

Pairing removes what both owe to the rows. McNemar's test (Psychometrika 1947), here in its exact binomial form, asks whether
the rows that only one of them gets right fall evenly; it knows nothing of classes, so that on rare ones the score's difference
tells more. Rows count as independent in it, near-duplicates too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from greenbench.stats import bootstrap
from greenbench.stats import classification_answers as outcomes
from greenbench.stats import translation_answers as translations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.stats.classification_scores import Array


class Difference(NamedTuple):
    """A score of one model minus that of another, with a 95 % interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class McNemar(NamedTuple):
    """Rows that only the one or only the other gets right, and the two-sided p-value of their being drawn evenly."""

    only_one: int
    only_other: int
    p: float


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two kept outcomes answer the same rows, equally labelled, grouped and weighted."""
    keys = ("kind", "n", "rows_sha256", "labels_bits", "groups_i32", "class_weights")
    return bool(one) and bool(other) and all(one.get(k) == other.get(k) for k in keys)


def differences(
    kept: Mapping[str, Any], kept_other: Mapping[str, Any], *, factor: float = 1.0
) -> dict[str, Difference]:
    """Return one model minus ``factor`` times another in each score that both have, for two kept outcomes.

    Raises ValueError where they do not answer the same rows.
    """
    if not alike(kept, kept_other):
        raise ValueError("the outcomes are of different test rows, and cannot be paired")
    one, other = read(kept), read(kept_other)
    ours, theirs = bootstrap.point(one), bootstrap.point(other)
    drawn, drawn_other = bootstrap.replicates(one), bootstrap.replicates(other)
    return {
        n: _difference(ours[n] - factor * theirs[n], drawn[n] - factor * drawn_other[n])
        for n in ours
        if n in theirs
    }


def read(kept: Mapping[str, Any]) -> bootstrap.Answered:
    """Return the answers that a results file keeps, of a classifier or of translations."""
    return translations.read(kept) if kept.get("kind") == translations.KIND else outcomes.read(kept)


def _difference(value: float, drawn: Array) -> Difference:
    if value != value:  # noqa: PLR0124  not a number
        return Difference(None, None, None)
    return Difference(value, *bootstrap.interval(drawn))


def mcnemar(one: Mapping[str, Any], other: Mapping[str, Any]) -> McNemar:
    """Return the test for two kept outcomes of the same rows; p is 1 where they never disagree."""
    from scipy.special import (
        bdtr,
    )  # the binomial distribution; scipy.stats would take a second to import

    right, theirs = outcomes.bits(one, "right_bits"), outcomes.bits(other, "right_bits")
    ours_only, theirs_only = int((right & ~theirs).sum()), int((theirs & ~right).sum())
    both = ours_only + theirs_only
    p = min(1.0, 2 * float(bdtr(min(ours_only, theirs_only), both, 0.5))) if both else 1.0
    return McNemar(ours_only, theirs_only, p)
