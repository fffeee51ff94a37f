"""Programs with their translations in train, valid and test.

If a table brings no split of its own, a seeded one is made here, after duplicates (sources equal up
to white space) are removed. A split that the data's authors made stays as it is, and test sources
that are in train too are counted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenbench.data import split_files
from greenbench.data.examples import normalised
from greenbench.data.languages import LANGUAGES, instruction
from greenbench.data.splits import NAMES, cut
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.program_tests import Tests
    from greenbench.data.splits import Sizes

AUTHORS_RULE = "the authors' train / valid / test"
TENTH_RULE = "the authors' train / test, a random tenth of train as valid"
RANDOM_RULE = "random 80/10/10 after exact deduplication"
FEWEST = 20
"""Pairs below which a tenth for validation and one for the test mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A source program, its translation, and the tests that a translation has to pass."""

    source: str
    target: str | None
    """None if only tests tell whether a translation is right; such a pair cannot be trained on."""
    language: str
    """Of the translation, a key of ``languages.LANGUAGES``."""
    problem: str = ""
    """The problem of the data set that it solves; empty if the data do not say."""
    tests: Tests | None = None
    """None if there are none."""
    request: str | None = None
    """The line that follows the source; None asks for a translation into ``language``."""

    @property
    def instruction(self) -> str:
        """The line that follows the source in the prompt."""
        if self.request is not None:
            return self.request
        return instruction(LANGUAGES[self.language])


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSplits:
    """Train, valid and test pairs of a data set, and where they come from."""

    train: tuple[Pair, ...]
    valid: tuple[Pair, ...]
    test: tuple[Pair, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For the results file: source, revision, digest, rows, removed rows, sizes, rule, seed."""
    unsafe: bool = False
    """Whether translations may be run without a sandbox."""


PairLists = tuple[list[Pair], list[Pair], list[Pair]]
"""Train, valid and test."""
Facts = dict[str, Any]
"""What the results file says about the pairs, as plain builtins."""


def split(pairs: Sequence[Pair], *, seed: int, origin: str) -> tuple[PairLists, Facts]:
    """De-duplicate, shuffle by ``seed`` and divide 80 / 10 / 10.

    Raises UsageError if fewer than ``FEWEST`` distinct pairs remain.
    """
    ordered = sorted(pairs, key=lambda p: (p.source, p.target or ""))
    distinct = distinct_sources(ordered)
    if len(distinct) < FEWEST:
        raise UsageError(
            f"{origin}: {len(distinct)} distinct pairs are left of {len(pairs)} rows, too few for "
            f"an 80 / 10 / 10 split; at least {FEWEST} are needed: give more rows"
        )
    train, valid, test = cut(shuffled(distinct, seed))
    facts = {"split_rule": RANDOM_RULE, "duplicates_removed": len(pairs) - len(distinct)}
    return (list(train), list(valid), list(test)), facts


def arranged(
    path: PurePath, pairs_of: Mapping[str, list[Pair]], seed: int
) -> tuple[PairLists, Facts]:
    """Return train, valid and test as names tell them; valid may be a tenth of train.

    The key of ``pairs_of`` is empty if names tell no split; 80 / 10 / 10 are drawn then.
    """
    if "" in pairs_of:
        return split(pairs_of[""], seed=seed, origin=str(path))
    if "valid" in pairs_of:
        facts: Facts = {"split_rule": AUTHORS_RULE, "duplicates_removed": 0}
        return (pairs_of["train"], pairs_of["valid"], pairs_of["test"]), facts
    train = pairs_of["train"]
    distinct = distinct_sources(train)
    tenth = max(1, round(len(distinct) / 10))
    mixed = shuffled(distinct, seed)
    facts = {"split_rule": TENTH_RULE, "duplicates_removed": len(train) - len(distinct)}
    return (mixed[tenth:], mixed[:tenth], pairs_of["test"]), facts


def distinct_sources(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the last pair of each source, at the place of the first; white space is ignored."""
    by_source = {normalised(pair.source): pair for pair in pairs}
    return list(by_source.values())


def shuffled(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Order by a hash of seed and text: a random order that ignores the platform and the file's."""

    def draw(pair: Pair) -> bytes:
        text = f"{seed}\0{pair.source}\0{pair.target or ''}"
        return hashlib.sha256(text.encode()).digest()

    return sorted(pairs, key=draw)


def assemble(
    parts: PairLists,
    *,
    seed: int,
    sizes: Sizes | None,
    longest: int | None,
    origin: str,
    facts: Mapping[str, Any],
) -> PairSplits:
    """Leave out pairs of more than ``longest`` characters, then keep at most ``sizes`` of each.

    ``parts`` are train, valid and test; which pairs are kept is drawn by ``seed``. Raises
    UsageError if one of them is left without pairs.
    """
    removed = 0
    available: dict[str, int] = {}
    split_sizes: dict[str, int] = {}
    kept: list[tuple[Pair, ...]] = []
    limits = sizes or (None, None, None)
    for name, part, limit in zip(NAMES, parts, limits, strict=True):
        short = _not_longer(part, longest)
        pairs = shuffled(short, seed)[:limit]
        if not pairs:
            raise UsageError(
                f"{origin}: of {len(part)} {name} pairs none is left (at most {longest} characters "
                "in total); give shorter ones, or another profile with --green-profile"
            )
        removed += len(part) - len(short)
        available[name] = len(short)
        split_sizes[name] = len(pairs)
        kept.append(tuple(pairs))
    train, valid, test = kept
    completed = dict(facts)
    completed["too_long_removed"] = removed
    completed["longest_chars"] = longest
    completed["available"] = available
    completed["split_seed"] = seed
    completed["split_sizes"] = split_sizes
    completed["test_sources_in_train"] = overlap(train, test)
    completed["tests"] = all(pair.tests for pair in test)
    return PairSplits(train=train, valid=valid, test=test, facts=completed)


def _not_longer(pairs: Sequence[Pair], longest: int | None) -> list[Pair]:
    if longest is None:
        return list(pairs)
    return [p for p in pairs if len(p.source) + len(p.target or "") <= longest]


def doubts(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return warnings: a score is not that of the whole data set, or trained pairs flatter it."""
    used = facts["split_sizes"]["test"]
    available = facts["available"]["test"]
    warnings = []
    if facts["too_long_removed"]:
        warnings.append(
            f"only pairs of at most {facts['longest_chars']} characters are used: scores of the "
            "whole data set would be others"
        )
    if used < available:
        warnings.append(f"scored on {used} of {available} test pairs")
    if facts["test_sources_in_train"]:
        warnings.append(
            f"{facts['test_sources_in_train']} of {used} test sources are in the training data too"
        )
    return (*warnings, *split_files.doubts(facts))


def overlap(train: Sequence[Pair], test: Sequence[Pair]) -> int:
    """Count the test pairs whose source is in train too."""
    known = {normalised(p.source) for p in train}
    return sum(normalised(p.source) in known for p in test)
