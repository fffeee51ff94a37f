"""What a model answered to each test example, compact enough for a results file and exact enough to compute with later."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from greenbench.stats import classification_scores as binary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.stats.classification_scores import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The answers of a binary classifier to the rows of a test side, in their order."""

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

    @property
    def right(self) -> Array:
        """Which rows are called what they are."""
        right: Array = (self.probabilities >= self.threshold) == (self.labels == 1)
        return right

    @property
    def class_weights(self) -> Array:
        """What each row counts by its class."""
        weights: Array = np.asarray(self.weights)[self.labels]
        return weights

    def scores(self, weights: Array) -> dict[str, Array]:
        """Return each score by resample, for ``weights`` of shape (resamples, rows)."""
        return binary.scores(
            weights * self.class_weights, self.labels, self.probabilities, self.threshold
        )


def of(
    labels: Sequence[int],
    probabilities: Sequence[float],
    *,
    threshold: float,
    groups: Sequence[int] = (),
    rows: Iterable[str] = (),
    weights: tuple[float, float] = (1.0, 1.0),
) -> Outcomes:
    """Return the outcomes; without ``groups`` every row stands for itself. ``rows`` are the texts, for their checksum."""
    return Outcomes(
        labels=np.asarray(labels, np.int8),
        probabilities=np.asarray(probabilities, np.float32).astype(float),
        threshold=threshold,
        groups=np.asarray(groups if len(groups) else range(len(labels)), np.int32),
        rows_sha256=checksum(rows),
        weights=weights,
    )


def checksum(rows: Iterable[str]) -> str:
    """Return the SHA-256 of texts in their order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(hashlib.sha256(row.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()


def record(one: Outcomes) -> dict[str, Any]:
    """Return ``one`` as builtins: some 6 bytes of text a row, 11 where near-duplicates stand among them."""
    _, groups = np.unique(one.groups, return_inverse=True)
    alone = len(set(groups.tolist())) == len(groups)
    return {
        "n": len(one.labels),
        "rows_sha256": one.rows_sha256,
        "threshold": one.threshold,
        "class_weights": list(one.weights),
        "labels_bits": np.packbits(one.labels).tobytes().hex(),
        "right_bits": np.packbits(one.right).tobytes().hex(),
        "probabilities_f32": _text(one.probabilities.astype("<f4")),
        "groups_i32": None if alone else _text(groups.astype("<i4")),
    }


def read(kept: Mapping[str, Any]) -> Outcomes:
    """Return what ``record`` has written."""
    count = int(kept["n"])
    groups = np.arange(count) if kept["groups_i32"] is None else _array(kept["groups_i32"], "<i4")
    return Outcomes(
        labels=bits(kept, "labels_bits").astype(np.int8),
        probabilities=_array(kept["probabilities_f32"], "<f4").astype(float),
        threshold=float(kept["threshold"]),
        groups=groups,
        rows_sha256=str(kept["rows_sha256"]),
        weights=(float(kept["class_weights"][0]), float(kept["class_weights"][1])),
    )


def bits(kept: Mapping[str, Any], name: str) -> Array:
    """Return the yes and no of each row that ``kept`` holds under ``name``."""
    packed = np.frombuffer(bytes.fromhex(kept[name]), np.uint8)
    unpacked: Array = np.unpackbits(packed)[: int(kept["n"])].astype(bool)
    return unpacked


def _text(values: Array) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


def _array(text: str, kind: str) -> Array:
    values: Array = np.frombuffer(base64.b64decode(text), kind)
    return values
