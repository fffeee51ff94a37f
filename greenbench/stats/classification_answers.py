"""What a model answered to each test example.

It is compact enough for a results file, and exact enough to compute scores from later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np

from greenbench.stats.classification_scores import BinaryScorer
from greenbench.stats.packing import pack, pack_bits, unpack, unpack_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from greenbench.stats.classification_scores import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The answers of a binary classifier to the rows of a test split, in their order."""

    labels: Array
    """0 or 1, shape (rows,)."""
    probabilities: Array
    """Of class 1, shape (rows,); kept as 32-bit floats, which is what models give."""
    threshold: float
    """From which on a row is called 1."""
    groups: Array
    """Which rows belong together: near-duplicates are resampled as one. Integers, shape (rows,)."""
    rows_sha256: str
    """Of the test rows in their order: only answers to the same rows can be paired."""
    weights: tuple[float, float] = (1.0, 1.0)
    """What a row of class 0 and one of class 1 count."""

    @classmethod
    def of(
        cls,
        labels: Sequence[int],
        probabilities: Sequence[float],
        *,
        threshold: float,
        groups: Sequence[int] = (),
        rows: Iterable[str] = (),
        weights: tuple[float, float] = (1.0, 1.0),
    ) -> Outcomes:
        """Return the outcomes of ``rows``, the texts; without ``groups`` each row is its own."""
        if not len(groups):
            groups = range(len(labels))
        return cls(
            labels=np.asarray(labels, np.int8),
            probabilities=np.asarray(probabilities, np.float32).astype(float),
            threshold=threshold,
            groups=np.asarray(groups, np.int32),
            rows_sha256=checksum(rows),
            weights=weights,
        )

    @property
    def right(self) -> Array:
        """Which rows are called what they are."""
        called = self.probabilities >= self.threshold
        right: Array = called == (self.labels == 1)
        return right

    @property
    def class_weights(self) -> Array:
        """What each row counts by its class."""
        weights: Array = np.asarray(self.weights)[self.labels]
        return weights

    def point(self) -> dict[str, float]:
        """Return each score on the rows as they are, NaN where undefined."""
        scores = self.scorer()(np.ones((1, len(self.labels))))
        return {name: float(values[0]) for name, values in scores.items()}

    def scorer(self, names: Collection[str] = ()) -> Callable[[Array], dict[str, Array]]:
        """Return what scores weights of shape (resamples, rows): ``names``, or all."""
        score = BinaryScorer(self.labels, self.probabilities, self.threshold, names=names)
        if self.weights == (1.0, 1.0):
            return score
        return lambda weights: score(weights * self.class_weights)


class OutcomesRecord(TypedDict):
    """``Outcomes`` as a results file holds them."""

    n: int
    rows_sha256: str
    threshold: float
    class_weights: list[float]
    labels_bits: str
    right_bits: str
    probabilities_f32: str
    groups_i32: str | None
    """None where every row stands for itself."""


def checksum(rows: Iterable[str]) -> str:
    """Return the SHA-256 of texts in their order."""
    digest = hashlib.sha256()
    for row in rows:
        encoded = row.encode("utf-8", "surrogatepass")
        digest.update(hashlib.sha256(encoded).digest())
    return digest.hexdigest()


def record(outcomes: Outcomes) -> OutcomesRecord:
    """Return ``outcomes`` as builtins.

    A row takes some 6 bytes of text, 11 where near-duplicates stand among the rows.
    """
    names, groups = np.unique(outcomes.groups, return_inverse=True)
    alone = len(names) == len(groups)
    return {
        "n": len(outcomes.labels),
        "rows_sha256": outcomes.rows_sha256,
        "threshold": outcomes.threshold,
        "class_weights": list(outcomes.weights),
        "labels_bits": pack_bits(outcomes.labels),
        "right_bits": pack_bits(outcomes.right),
        "probabilities_f32": pack(outcomes.probabilities, "<f4"),
        "groups_i32": None if alone else pack(groups, "<i4"),
    }


def read(kept: Mapping[str, object]) -> Outcomes:
    """Return the outcomes that ``record`` has written."""
    fields = cast("OutcomesRecord", kept)
    count = int(fields["n"])
    groups = np.arange(count)
    if fields["groups_i32"] is not None:
        groups = unpack(fields["groups_i32"], "<i4")
    weight_0, weight_1 = fields["class_weights"]
    return Outcomes(
        labels=unpack_bits(fields["labels_bits"], count).astype(np.int8),
        probabilities=unpack(fields["probabilities_f32"], "<f4").astype(float),
        threshold=float(fields["threshold"]),
        groups=groups,
        rows_sha256=str(fields["rows_sha256"]),
        weights=(float(weight_0), float(weight_1)),
    )


def bits(kept: Mapping[str, object], name: str) -> Array:
    """Return the yes and no of each row that ``kept`` holds under ``name``, as booleans."""
    return unpack_bits(cast("str", kept[name]), cast("int", kept["n"]))
