"""Remove functions that are the same, and put those that are nearly so into clusters.

*The same* is equal without comments and white space. Where such copies carry both labels none is kept: nobody knows which is
right. *Nearly the same* is a matter of ``near_duplicates``. These are kept, in one cluster, and each keeps its label, for they
do differ, and the difference may be the flaw (a function and its fix); how many clusters hold both labels is counted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from greenbench.data.examples import Example

VERSION = 1
"""Of the clustering; a change of it makes kept ones void."""
DIGEST = 32
"""Bytes of a checksum."""
KEPT_FROM = 10_000
"""Functions from which on the clusters are kept in the user's cache: for fewer they take no longer than a second or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """What is left after exact de-duplication; it and the removed rows add up to the rows given."""

    examples: tuple[Example, ...]
    counts: Mapping[str, int]
    """``empty_removed`` rows without code, ``duplicates_removed`` beyond the first of texts that all carry one label,
    ``conflicts_removed`` of texts that carry both, and how many different ``conflicting_texts`` those are."""


def key(text: str) -> bytes:
    """Return what is equal for texts that differ in comments and white space alone; empty for a text without code."""
    from greenbench.data.near_duplicates import bare

    code = "".join(bare(text).split())
    return (
        hashlib.blake2b(code.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if code
        else b""
    )


def exact(examples: Sequence[Example]) -> Distinct:
    """Keep one example of each text (the oldest, then the least raw one: row order is no matter), none if labels conflict."""
    groups: dict[bytes, list[Example]] = defaultdict(list)
    for example in examples:
        groups[key(example.text)].append(example)
    empty = len(groups.pop(b"", ()))
    agreed = [group for group in groups.values() if len({e.label for e in group}) == 1]
    counts = {
        "empty_removed": empty,
        "duplicates_removed": sum(len(group) - 1 for group in agreed),
        "conflicts_removed": sum(map(len, groups.values())) - sum(map(len, agreed)),
        "conflicting_texts": len(groups) - len(agreed),
    }
    return Distinct(examples=tuple(min(group, key=_first) for group in agreed), counts=counts)


def _first(example: Example) -> tuple[bool, float, str, str]:
    return example.time is None, example.time or 0.0, example.text, example.project or ""


def near(examples: Sequence[Example]) -> tuple[list[Example], dict[str, Any]]:
    """Return the examples with their clusters, and how many are in one with others."""
    from greenbench.data import near_duplicates

    names, kept = _clusters([e.text for e in examples])
    clustered = [replace(e, group=int(name)) for e, name in zip(examples, names, strict=True)]
    members: dict[int, list[Example]] = defaultdict(list)
    for example in clustered:
        members[example.group or 0].append(example)
    several = [group for group in members.values() if len(group) > 1]
    return clustered, {
        "near_duplicates": sum(map(len, several)),
        "near_duplicate_clusters": len(several),
        "near_duplicate_conflicts": sum(len({e.label for e in group}) > 1 for group in several),
        "near_duplicate_rule": f"MinHash ({near_duplicates.PERMUTATIONS}) of {near_duplicates.SHINGLE}-token shingles, "
        f"Jaccard >= {near_duplicates.THRESHOLD}; kept together, labels as they are",
        "clusters_kept": kept,
    }


def _clusters(texts: Sequence[str]) -> tuple[Any, str]:
    """Return the cluster of each text, and how the user's cache took part."""
    from greenbench.data import near_duplicates

    def made() -> Any:
        return near_duplicates.clusters(near_duplicates.signatures(texts))

    return _remembered(texts, made) if len(texts) >= KEPT_FROM else (made(), "not needed")


def _remembered(texts: Sequence[str], make: Callable[[], Any]) -> tuple[Any, str]:
    """Take the clusters of just these texts from the cache; make and keep them where they are not there, or broken."""
    file = _file(texts)
    found = _kept(file, len(texts))
    if found is not None:
        return found, "taken from the cache"
    made = make()
    return made, _keep(file, made)


def _kept(file: Path, count: int) -> Any:
    """Return the kept clusters: a checksum and 32-bit integers. None for a file that is not there, or not whole."""
    import numpy as np

    try:
        content = file.read_bytes()
    except OSError:  # never kept
        return None
    whole = (
        len(content) == DIGEST + 4 * count
        and hashlib.sha256(content[DIGEST:]).digest() == content[:DIGEST]
    )
    return np.frombuffer(content[DIGEST:], "<i4") if whole else None


def _keep(file: Path, made: Any) -> str:
    data = made.astype("<i4").tobytes()
    fresh = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(hashlib.sha256(data).digest() + data)
        fresh.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):  # it was never made
            fresh.unlink()
        return f"could not be kept: {error}"
    return "kept in the cache"


def _file(texts: Sequence[str]) -> Path:
    from greenbench.data import near_duplicates
    from greenbench.data.places import cache

    asked = (
        VERSION,
        near_duplicates.SHINGLE,
        near_duplicates.PERMUTATIONS,
        near_duplicates.BANDS,
        near_duplicates.THRESHOLD,
    )
    digest = hashlib.sha256(repr(asked).encode())
    for text in texts:
        digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest())
    return cache() / "near-duplicates" / f"{digest.hexdigest()}.clusters"
