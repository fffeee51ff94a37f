"""Scores that are means over test rows, with each row's own value.

It is what a results file keeps of a task whose score gives a value a row: a squared error, or 1 for
a right answer. Kept by row, they give the score of any resample, and of two models on the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np

from greenbench.stats.packing import pack, pack_bits, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from greenbench.stats.classification_scores import Array

KIND = "means"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What came of the answers to the rows of a test split, in its order."""

    values: Mapping[str, Array]
    """Score to the value of each row, NaN where it does not apply; shape (rows,)."""
    rows_sha256: str
    """Of the rows in their order: only answers to the same ones can be paired."""
    right: Array | None = None
    """Which answers are right; None where an answer is no right or wrong one."""

    @property
    def rows(self) -> int:
        """The number of test rows."""
        return len(next(iter(self.values.values())))

    @property
    def groups(self) -> Array:
        """Every row stands for itself."""
        return np.arange(self.rows)

    def point(self) -> dict[str, float]:
        """Return each score on the rows as they are, NaN where undefined."""
        once = np.ones((1, self.rows))
        return {name: float(means[0]) for name, means in self._scores(once).items()}

    def scorer(self, names: Collection[str] = ()) -> Callable[[Array], dict[str, Array]]:  # noqa: ARG002  none takes long
        """Return what scores weights of shape (resamples, rows)."""
        return self._scores

    def _scores(self, weights: Array) -> dict[str, Array]:
        scores = {}
        for name, values in self.values.items():
            scores[name] = _mean(weights, values)
        return scores


def _mean(weights: Array, values: Array) -> Array:
    """Return the weighted means of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    total = weights @ known.astype(float)
    filled = np.nan_to_num(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Array = (weights @ filled) / total
    return mean


class MeansRecord(TypedDict):
    """``Means`` as a results file holds them."""

    kind: str
    n: int
    rows_sha256: str
    values_f64: dict[str, str]
    right_bits: str | None
    """None where an answer is no right or wrong one."""


def record(means: Means) -> MeansRecord:
    """Return ``means`` as builtins: some 11 bytes of text a row and score."""
    packed = {}
    for name, values in means.values.items():
        packed[name] = pack(values, "<f8")
    return {
        "kind": KIND,
        "n": means.rows,
        "rows_sha256": means.rows_sha256,
        "values_f64": packed,
        "right_bits": None if means.right is None else pack_bits(means.right),
    }


def read(kept: Mapping[str, object]) -> Means:
    """Return the scores by row that ``record`` has written."""
    fields = cast("MeansRecord", kept)
    values = {}
    for name, packed in fields["values_f64"].items():
        values[name] = unpack(packed, "<f8")
    return Means(values=values, rows_sha256=str(fields["rows_sha256"]))
