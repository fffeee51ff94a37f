"""What came of each translation of a test split.

It is compact enough for a results file, and exact enough to compute scores from later. Corpus BLEU
(Papineni et al., ACL 2002) is made of sums over texts: n-grams that match, n-grams written, and
lengths. Kept by text, they give the score of any resample, and of two models on the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

import numpy as np

from greenbench.stats.packing import pack, pack_bits, unpack, unpack_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from greenbench.stats.classification_scores import Array

KIND = "translations"
ORDER = 4
"""Longest n-grams of BLEU."""
COLUMNS = 2 * ORDER + 2
"""By text: matching 1- to 4-grams, written 1- to 4-grams, tokens written, tokens of the reference.
"""
MOST = 2**16 - 1
RIGHT = ("pass_at_1", "exact_match")
"""The shares that may say whether a translation is right: the first one that is known does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translations:
    """What came of the translations of a test split, in its order."""

    shares: Mapping[str, Array]
    """Score to which translations reach it: 0, 1, or NaN where it does not apply; shape (rows,)."""
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
        name = next(name for name in RIGHT if name in self.shares)
        right: Array = self.shares[name] == 1
        return right

    def point(self) -> dict[str, float]:
        """Return each score on the rows as they are, NaN where undefined."""
        once = np.ones((1, len(self.counts)))
        scores = {name: float(_share(once, hits)[0]) for name, hits in self.shares.items()}
        scores["bleu"] = corpus_bleu(self.counts.sum(axis=0))
        return scores

    def scorer(self, names: Collection[str] = ()) -> Callable[[Array], dict[str, Array]]:
        """Return what scores weights of shape (resamples, rows): ``names``, or all."""
        chosen = {name: hits for name, hits in self.shares.items() if not names or name in names}
        has_bleu = not names or "bleu" in names

        def score(weights: Array) -> dict[str, Array]:
            scores = {name: _share(weights, hits) for name, hits in chosen.items()}
            if has_bleu:
                scores["bleu"] = resampled_bleu(weights @ self.counts)
            return scores

        return score


def _share(weights: Array, hits: Array) -> Array:
    """Return the weighted share of the hits among what is known; NaN where nothing is."""
    known = ~np.isnan(hits)
    total = weights @ known.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Array = (weights @ np.nan_to_num(hits)) / total
    return share


def corpus_bleu(sums: Array) -> float:
    """Return sacrebleu's corpus BLEU, 0 to 100, for summed counts of shape (COLUMNS,).

    NaN where there is no reference.
    """
    from sacrebleu.metrics import BLEU

    counts = [int(value) for value in sums]
    matches, written = counts[:ORDER], counts[ORDER : 2 * ORDER]
    length, reference = counts[2 * ORDER :]
    if reference == 0:
        return float("nan")
    bleu = BLEU.compute_bleu(matches, written, length, reference, smooth_method="exp")
    return float(bleu.score)


def resampled_bleu(sums: Array) -> Array:
    """Return corpus BLEU for many corpora at once, of summed counts of shape (corpora, COLUMNS).

    It is ``corpus_bleu`` vectorised, as sacrebleu's own formula takes one corpus a call and an
    interval takes thousands: the same smoothing ("exp"; Chen and Cherry, WMT 2014) and the same
    brevity penalty. NaN where there is no reference.
    """
    matches, written = sums[:, :ORDER], sums[:, ORDER : 2 * ORDER]
    length, reference = sums[:, -2], sums[:, -1]
    unmatched = matches == 0
    halvings = np.cumsum(unmatched & (written > 0), axis=1)
    smoothed = 1 / 2.0**halvings
    with np.errstate(divide="ignore", invalid="ignore"):
        precisions = np.where(unmatched, smoothed, matches) / written
        penalty = np.exp(1 - reference / length)
        brevity = np.where(length < reference, penalty, 1.0)
        bleu = 100 * brevity * np.exp(np.log(precisions).mean(axis=1))
    no_match = matches.sum(axis=1) == 0
    too_short = (written == 0).any(axis=1)
    bleu = np.where(no_match | too_short, 0.0, bleu)
    return np.where(reference == 0, np.nan, bleu)


class ShareRecord(TypedDict):
    """One share by row: whether it applies, and whether the translation reaches it."""

    known: str
    hit: str


class TranslationsRecord(TypedDict):
    """``Translations`` as a results file holds them."""

    kind: str
    n: int
    rows_sha256: str
    right_bits: str
    shares_bits: dict[str, ShareRecord]
    counts_u16: str


def record(translations: Translations) -> TranslationsRecord:
    """Return ``translations`` as builtins: some 28 bytes of text a row, and two bits a share."""
    shares: dict[str, ShareRecord] = {}
    for name, hits in translations.shares.items():
        shares[name] = {"known": pack_bits(~np.isnan(hits)), "hit": pack_bits(hits == 1)}
    return {
        "kind": KIND,
        "n": len(translations.counts),
        "rows_sha256": translations.rows_sha256,
        "right_bits": pack_bits(translations.right),
        "shares_bits": shares,
        "counts_u16": pack(np.minimum(translations.counts, MOST), "<u2"),
    }


def read(kept: Mapping[str, object]) -> Translations:
    """Return the translations that ``record`` has written."""
    fields = cast("TranslationsRecord", kept)
    rows = int(fields["n"])
    shares: dict[str, Array] = {}
    for name, bits in fields["shares_bits"].items():
        hits = unpack_bits(bits["hit"], rows).astype(float)
        shares[name] = np.where(unpack_bits(bits["known"], rows), hits, np.nan)
    counts = unpack(fields["counts_u16"], "<u2").astype(float)
    return Translations(
        shares=shares,
        counts=counts.reshape(rows, COLUMNS),
        rows_sha256=str(fields["rows_sha256"]),
    )
