"""Find functions that are nearly the same: MinHash signatures by ``rensa``, candidates by locality-sensitive hashing.

A function is the set of its runs of ``SHINGLE`` tokens, comments left out; two are near-duplicates where the Jaccard
similarity of those sets, estimated from ``PERMUTATIONS`` minima, is at least ``THRESHOLD`` (Broder 1997; banding as in
Leskovec et al., *Mining of Massive Datasets*, ch. 3). With ``BANDS`` bands a pair of similarity 0.7 becomes a candidate in
99.98 of 100 cases, one of 0.8 practically always; the estimate's standard error at 0.7 is 0.04. Clusters are the
connected components: if A is near B and B near C, all three are together.

Renamed variables lower the similarity by about the share of the tokens that they are: clones with all names changed are not
found.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SHINGLE = 4
"""Tokens of a shingle; a shorter text is one shingle."""
PERMUTATIONS, BANDS = 128, 32
THRESHOLD = 0.7
SEED = 42
CHUNK = 2_000
"""Texts whose tokens are held at a time."""
CROWD = 512
"""Members of a bucket up to which all pairs are compared; those of a larger one are taken together as they are."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL
)


def bare(text: str) -> str:
    """Return ``text`` without C comments; what looks like one inside a string or character literal stays."""
    return _COMMENT.sub(lambda m: m.group(1) or " ", text)


class _Hashes(dict[str, int]):
    """Token to a 64-bit hash that is the same in every process; each distinct token is hashed once."""

    def __missing__(self, token: str) -> int:
        digest = hashlib.blake2b(token.encode(), digest_size=8).digest()
        self[token] = value = int.from_bytes(digest, "little")
        return value


def signatures(texts: Iterable[str]) -> np.ndarray[Any, Any]:
    """Return the MinHash signature of each text: shape (texts, ``PERMUTATIONS``), ``uint32``."""
    known = _Hashes()
    parts = [_signed([_shingles(text, known) for text in chunk]) for chunk in _chunks(texts)]
    return np.concatenate(parts) if parts else np.empty((0, PERMUTATIONS), np.uint32)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    held: list[str] = []
    for text in texts:
        held.append(text)
        if len(held) == CHUNK:
            yield held
            held = []
    if held:
        yield held


def _shingles(text: str, known: _Hashes) -> np.ndarray[Any, Any]:
    """Return a hash of each run of ``SHINGLE`` tokens: a polynomial of the tokens' hashes, modulo 2**64."""
    tokens = np.array([known[token] for token in _TOKEN.findall(bare(text))] or [0], np.uint64)
    places = max(1, len(tokens) - SHINGLE + 1)
    mixed = np.zeros(places, np.uint64)
    for offset in range(min(SHINGLE, len(tokens))):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + tokens[offset : offset + places]
    return np.unique(mixed)


def _signed(shingles: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    from rensa import RMinHash

    ends = np.cumsum([0, *map(len, shingles)])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        np.concatenate(shingles), ends, PERMUTATIONS, SEED
    )
    return np.array(matrix.to_rows(), np.uint32)


def clusters(signed: np.ndarray[Any, Any], threshold: float = THRESHOLD) -> np.ndarray[Any, Any]:
    """Return the cluster of each row of ``signed``: an integer, the same for rows that are near, directly or by others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.empty((0, 2), np.int64), *_near_pairs(signed, threshold)]
    left, right = np.concatenate(pairs).T
    links = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(signed), len(signed)))
    named: np.ndarray[Any, Any] = connected_components(links, directed=False)[1]
    return named


def _near_pairs(signed: np.ndarray[Any, Any], threshold: float) -> Iterator[np.ndarray[Any, Any]]:
    """Yield arrays of shape (pairs, 2): rows that share a bucket of a band and are near, bucket by bucket."""
    for bucket in _buckets(signed):
        if len(bucket) > CROWD:
            yield np.stack([bucket[:-1], bucket[1:]], axis=1)
            continue
        rows = signed[bucket]
        alike = (rows[:, None] == rows[None]).mean(-1) >= threshold
        left, right = np.nonzero(np.triu(alike, 1))
        yield np.stack([bucket[left], bucket[right]], axis=1)


def _buckets(signed: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the rows that agree in all minima of a band, where there are several."""
    for band in np.split(signed, BANDS, axis=1):
        keys = (
            np.ascontiguousarray(band)
            .view(np.dtype((np.void, band.itemsize * band.shape[1])))
            .ravel()
        )
        order = np.argsort(keys, kind="stable")
        same = keys[order]
        starts = np.concatenate([[0], np.nonzero(same[1:] != same[:-1])[0] + 1, [len(same)]])
        for start in np.nonzero(np.diff(starts) > 1)[0]:
            yield order[starts[start] : starts[start + 1]]


def near_any(
    signed: np.ndarray[Any, Any], others: np.ndarray[Any, Any], threshold: float
) -> np.ndarray[Any, Any]:
    """Return, for each row of ``signed``, whether its cluster holds one of ``others``."""
    together = clusters(np.concatenate([signed, others]), threshold)
    found: np.ndarray[Any, Any] = np.isin(together[: len(signed)], together[len(signed) :])
    return found
