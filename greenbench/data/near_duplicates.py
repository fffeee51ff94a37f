"""Find functions that are nearly the same: MinHash signatures and locality-sensitive hashing.

A function is the set of its runs of ``SHINGLE`` tokens, without comments. Two functions are
near-duplicates if the Jaccard similarity of those sets, estimated from ``PERMUTATIONS`` minima
(computed by ``rensa``), is at least ``THRESHOLD`` (Broder 1997; banding as in Leskovec et al.,
*Mining of Massive Datasets*, ch. 3). With ``BANDS`` bands a pair of similarity 0.7 becomes a
candidate in 99.98 of 100 cases, one of 0.8 practically always; the estimate's standard error at 0.7
is 0.04. Clusters are the connected components: if A is near B and B is near C, all three are
together.

Renamed variables lower the similarity by about their share of the tokens: clones with all names
changed are not found.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np

from greenbench.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Signatures = NDArray[np.uint32]

SHINGLE = 4
"""Tokens of a shingle; a shorter text is one shingle."""
PERMUTATIONS, BANDS = 128, 32
THRESHOLD = 0.7
SEED = 42
CHUNK = 2_000
"""Texts whose tokens are in memory at a time."""
LARGEST_COMPARED = 512
"""Rows of a bucket up to which all pairs are compared; a larger bucket is one cluster."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_COMMENT = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL
)


def bare(text: str) -> str:
    """Return ``text`` without C comments; those inside string and character literals stay."""
    return _COMMENT.sub(lambda match: match.group(1) or " ", text)


class _TokenHashes(dict[str, int]):
    """Token to a 64-bit hash that is the same in every process, computed once a token."""

    def __missing__(self, token: str) -> int:
        digest = hashlib.blake2b(token.encode(), digest_size=8).digest()
        value = int.from_bytes(digest, "little")
        self[token] = value
        return value


def signatures(texts: Iterable[str]) -> Signatures:
    """Return the MinHash signature of each text, of shape (texts, ``PERMUTATIONS``)."""
    hashes = _TokenHashes()
    parts = [np.empty((0, PERMUTATIONS), np.uint32)]
    for chunk in _chunks(texts):
        shingles = [_shingles(text, hashes) for text in chunk]
        parts.append(_minima(shingles))
    return np.concatenate(parts)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _shingles(text: str, hashes: _TokenHashes) -> NDArray[np.uint64]:
    """Return a hash of each run of ``SHINGLE`` tokens.

    It is a polynomial of the tokens' hashes, modulo 2**64.
    """
    tokens = [hashes[token] for token in _TOKEN.findall(bare(text))]
    values = np.array(tokens or [0], np.uint64)
    count = max(1, len(values) - SHINGLE + 1)
    mixed = np.zeros(count, np.uint64)
    for offset in range(min(SHINGLE, len(values))):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + values[offset : offset + count]
    return np.unique(mixed)


def _minima(shingles: Sequence[NDArray[np.uint64]]) -> Signatures:
    require("suite", "the search for near-duplicates", ("rensa",))
    from rensa import RMinHash

    lengths = [len(hashes) for hashes in shingles]
    ends = np.cumsum([0, *lengths])
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        np.concatenate(shingles), ends, PERMUTATIONS, SEED
    )
    return np.array(matrix.to_rows(), np.uint32)


def clusters(signed: Signatures, threshold: float = THRESHOLD) -> NDArray[np.int32]:
    """Return the cluster of each row of ``signed``: an integer that connected rows share."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.empty((0, 2), np.int64), *_near_pairs(signed, threshold)]
    left, right = np.concatenate(pairs).T
    links = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(signed), len(signed)))
    _count, labels = connected_components(links, directed=False)
    components: NDArray[np.int32] = labels
    return components


def _near_pairs(signed: Signatures, threshold: float) -> Iterator[NDArray[np.int64]]:
    """Yield arrays of shape (pairs, 2): near rows that share a bucket, bucket by bucket."""
    for bucket in _buckets(signed):
        if len(bucket) > LARGEST_COMPARED:
            yield np.stack([bucket[:-1], bucket[1:]], axis=1)
            continue
        rows = signed[bucket]
        similarity = (rows[:, None] == rows[None]).mean(-1)
        left, right = np.nonzero(np.triu(similarity >= threshold, 1))
        yield np.stack([bucket[left], bucket[right]], axis=1)


def _buckets(signed: Signatures) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of two or more rows that agree in all minima of a band."""
    for band in np.split(signed, BANDS, axis=1):
        width = band.itemsize * band.shape[1]
        keys = np.ascontiguousarray(band).view(np.dtype((np.void, width))).ravel()
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        starts = np.concatenate([[0], changes, [len(ordered)]])
        for place in np.flatnonzero(np.diff(starts) > 1):
            yield order[starts[place] : starts[place + 1]]


def near_any(signed: Signatures, others: Signatures, threshold: float) -> NDArray[np.bool_]:
    """Return, for each row of ``signed``, whether its cluster contains one of ``others``."""
    together = clusters(np.concatenate([signed, others]), threshold)
    own = together[: len(signed)]
    return np.isin(own, together[len(signed) :])
