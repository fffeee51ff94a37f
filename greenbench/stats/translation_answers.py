"""What came of each translation of a test side, compact enough for a results file and exact enough to compute with later.

Corpus BLEU (Papineni et al., ACL 2002) is made of sums over texts: n-grams that match, n-grams written, and lengths. Kept by
text they give the score of any resample, and of two models on the same one. The formula is sacrebleu's (smoothing "exp").
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.stats.classification_scores import Array

KIND = "translations"
ORDER = 4
"""Longest n-grams of BLEU."""
COLUMNS = 2 * ORDER + 2
"""By text: matching 1- to 4-grams, written 1- to 4-grams, tokens written, tokens of the reference."""
MOST = 2**16 - 1
RIGHT = ("pass_at_1", "exact_match")
"""Which share says whether a translation is right: the first one that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translations:
    """What came of the translations of a test side, in its order."""

    shares: Mapping[str, Array]
    """Name of a score to which translations reach it: 0, 1, or NaN where it does not apply; each of shape (rows,)."""
    counts: Array
    """Of shape (rows, COLUMNS); all 0 for a row without a reference translation."""
    rows_sha256: str
    """Of the sources in their order: only answers to the same ones can be paired."""

    @property
    def groups(self) -> Array:
        """Every row stands for itself."""
        return np.arange(len(self.counts))

    @property
    def right(self) -> Array:
        """Which translations are right."""
        right: Array = next(self.shares[name] for name in RIGHT if name in self.shares) == 1
        return right

    def scores(self, weights: Array) -> dict[str, Array]:
        """Return each score by resample, for ``weights`` of shape (resamples, rows)."""
        found = {name: _share(weights, hits) for name, hits in self.shares.items()}
        return {**found, "bleu": bleu(weights @ self.counts)}


def _share(weights: Array, hits: Array) -> Array:
    """Return the weighted share of the hits among what is known; NaN where nothing is."""
    known = ~np.isnan(hits)
    total = weights @ known.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = (weights @ np.nan_to_num(hits)) / total
    return share


def bleu(sums: Array) -> Array:
    """Return corpus BLEU, 0 to 100, for summed counts of shape (corpora, COLUMNS); NaN where there is no reference."""
    matches, written = sums[:, :ORDER], sums[:, ORDER : 2 * ORDER]
    length, reference = sums[:, -2], sums[:, -1]
    empty = matches == 0
    smoothed = 1 / 2.0 ** np.cumsum(empty & (written > 0), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(empty, smoothed, matches) / written
        brevity = np.where(length < reference, np.exp(1 - reference / length), 1.0)
        found = 100 * brevity * np.exp(np.log(precisions).mean(axis=1))
    found = np.where((matches.sum(axis=1) == 0) | (written == 0).any(axis=1), 0.0, found)
    return np.where(reference == 0, np.nan, found)


def record(one: Translations) -> dict[str, Any]:
    """Return ``one`` as builtins: some 28 bytes of text a row, and a bit for each share."""
    return {
        "kind": KIND,
        "n": len(one.counts),
        "rows_sha256": one.rows_sha256,
        "right_bits": _bits(one.right),
        "shares_bits": {
            name: {"known": _bits(~np.isnan(h)), "hit": _bits(h == 1)}
            for name, h in one.shares.items()
        },
        "counts_u16": base64.b64encode(np.minimum(one.counts, MOST).astype("<u2").tobytes()).decode(
            "ascii"
        ),
    }


def _bits(values: Array) -> str:
    return np.packbits(values).tobytes().hex()


def read(kept: Mapping[str, Any]) -> Translations:
    """Return what ``record`` has written."""
    rows = int(kept["n"])
    counts = (
        np.frombuffer(base64.b64decode(kept["counts_u16"]), "<u2")
        .astype(float)
        .reshape(rows, COLUMNS)
    )
    shares = {
        name: np.where(
            _unpacked(bits["known"], rows), _unpacked(bits["hit"], rows).astype(float), np.nan
        )
        for name, bits in kept["shares_bits"].items()
    }
    return Translations(shares=shares, counts=counts, rows_sha256=str(kept["rows_sha256"]))


def _unpacked(text: str, rows: int) -> Array:
    unpacked: Array = np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[:rows].astype(
        bool
    )
    return unpacked
