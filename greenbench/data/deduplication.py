"""Remove functions that are the same, and cluster those that are nearly the same.

*The same* means equal without comments and white space. If such copies carry both labels, none is
kept, since the right label is unknown. *Nearly the same* is defined in ``near_duplicates``. These
are kept, in one cluster, each with its label: they do differ, and the difference may be the flaw (a
function and its fix). The number of clusters that hold both labels is counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic

from greenbench.data.examples import AnyExample, ExampleT
from greenbench.data.places import cache

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Clusters = NDArray[np.signedinteger]

VERSION = 1
"""Of the clustering; a new version makes cached clusters void."""
DIGEST = 32
"""Bytes of a SHA-256 checksum."""
KEPT_FROM = 10_000
"""Functions from which on clusters are cached; for fewer they take only a second or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct(Generic[ExampleT]):
    """What exact de-duplication leaves; it and the removed rows add up to the rows given."""

    examples: tuple[ExampleT, ...]
    counts: Mapping[str, int]
    """``empty_removed``: rows without code. ``duplicates_removed``: rows beyond the first of texts
    with one label. ``conflicts_removed``: rows of texts with both labels. ``conflicting_texts``:
    the number of those texts."""


def key(text: str) -> bytes:
    """Return a hash that ignores comments and white space; empty for a text without code."""
    from greenbench.data.near_duplicates import bare

    code = "".join(bare(text).split())
    if not code:
        return b""
    return hashlib.blake2b(code.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def exact(examples: Sequence[ExampleT], key: Callable[[str], Hashable] = key) -> Distinct[ExampleT]:
    """Keep one example of each text, and none of a text with conflicting labels.

    Texts of one ``key`` are the same; an empty key is that of an empty text.

    Each split of the data's authors is looked at alone: what two of them share, a split rule
    leaves out of the earlier one. The oldest one is kept, and the first in the order of the texts
    among those of one time, so that the order of the rows does not matter.
    """
    groups: dict[tuple[Hashable, str | None], list[ExampleT]] = defaultdict(list)
    empty = 0
    for example in examples:
        text_key = key(example.text)
        if text_key:
            groups[text_key, example.side].append(example)
        else:
            empty += 1
    kept: list[ExampleT] = []
    duplicates = conflicts = conflicting_texts = 0
    for group in groups.values():
        if _labels_conflict(group):
            conflicts += len(group)
            conflicting_texts += 1
        else:
            duplicates += len(group) - 1
            kept.append(min(group, key=_order))
    counts = {
        "empty_removed": empty,
        "duplicates_removed": duplicates,
        "conflicts_removed": conflicts,
        "conflicting_texts": conflicting_texts,
    }
    return Distinct(examples=tuple(kept), counts=counts)


def _labels_conflict(group: Sequence[AnyExample]) -> bool:
    return len({e.label for e in group}) > 1


def _order(example: AnyExample) -> tuple[bool, float, str, str]:
    return example.time is None, example.time or 0.0, example.text, example.project or ""


def near(examples: Sequence[ExampleT]) -> tuple[list[ExampleT], dict[str, int | str]]:
    """Return the examples with their clusters, and counts of those that share one."""
    from greenbench.data import near_duplicates

    clusters, cached = _clusters([e.text for e in examples])
    clustered: list[ExampleT] = []
    members: dict[int, list[ExampleT]] = defaultdict(list)
    for example, cluster in zip(examples, clusters.tolist(), strict=True):
        placed = replace(example, group=cluster)
        clustered.append(placed)
        members[cluster].append(placed)
    facts: dict[str, int | str] = dict(_shared_counts(members.values()))
    facts["near_duplicate_rule"] = (
        f"MinHash ({near_duplicates.PERMUTATIONS}) of {near_duplicates.SHINGLE}-token shingles, "
        f"Jaccard >= {near_duplicates.THRESHOLD}; kept together, labels as they are"
    )
    facts["clusters_kept"] = cached
    return clustered, facts


def _shared_counts(clusters: Iterable[Sequence[AnyExample]]) -> Counter[str]:
    """Count the clusters of several examples, their members, and those with both labels."""
    counts = Counter(near_duplicates=0, near_duplicate_clusters=0, near_duplicate_conflicts=0)
    for members in clusters:
        if len(members) > 1:
            counts["near_duplicates"] += len(members)
            counts["near_duplicate_clusters"] += 1
            counts["near_duplicate_conflicts"] += _labels_conflict(members)
    return counts


def _clusters(texts: Sequence[str]) -> tuple[Clusters, str]:
    """Return the cluster of each text, and whether the cache was used."""
    if len(texts) < KEPT_FROM:
        return _computed(texts), "not needed"
    file = _cache_file(texts)
    clusters = _read(file, len(texts))
    if clusters is not None:
        return clusters, "taken from the cache"
    clusters = _computed(texts)
    return clusters, _write(file, clusters)


def _computed(texts: Sequence[str]) -> Clusters:
    from greenbench.data import near_duplicates

    return near_duplicates.clusters(near_duplicates.signatures(texts))


def _read(file: Path, count: int) -> Clusters | None:
    """Return cached clusters (a checksum, then 32-bit integers), None if absent or damaged."""
    import numpy as np

    try:
        content = file.read_bytes()
    except OSError:  # never cached
        return None
    checksum, data = content[:DIGEST], content[DIGEST:]
    if len(data) != 4 * count or hashlib.sha256(data).digest() != checksum:
        return None
    return np.frombuffer(data, "<i4")


def _write(file: Path, clusters: Clusters) -> str:
    """Cache ``clusters``, and return what became of it."""
    data = clusters.astype("<i4").tobytes()
    scratch = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(hashlib.sha256(data).digest() + data)
        scratch.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may not exist
            scratch.unlink()
        return f"could not be kept: {error}"
    return "kept in the cache"


def _cache_file(texts: Sequence[str]) -> Path:
    from greenbench.data import near_duplicates

    parameters = (
        VERSION,
        near_duplicates.SHINGLE,
        near_duplicates.PERMUTATIONS,
        near_duplicates.BANDS,
        near_duplicates.THRESHOLD,
    )
    digest = hashlib.sha256(repr(parameters).encode())
    for text in texts:
        digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest())
    return cache() / "near-duplicates" / f"{digest.hexdigest()}.clusters"
