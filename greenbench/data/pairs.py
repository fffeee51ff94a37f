"""Texts with their translations, in three sides; where a table brings no sides of its own, a seeded split makes them.

Duplicates (sources equal up to white space) are removed before a split that is made here. A split that the data's authors
made stays as it is, and what stands on two of its sides is counted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenbench.data.examples import normalised
from greenbench.data.languages import LANGUAGES, instruction
from greenbench.data.splits import NAMES, cut
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.program_tests import Tests
    from greenbench.data.splits import Sizes

AUTHORS_RULE, RANDOM_RULE = (
    "the authors' train / valid / test",
    "random 80/10/10 after exact deduplication",
)
FEWEST = 20
"""Pairs below which a tenth for validation and one for the test are too few to speak of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A source text, its translation, and the tests that a translation has to pass (None: there are none)."""

    source: str
    target: str | None
    """None where there are only tests to tell whether a translation is right; such a pair cannot be trained on."""
    language: str
    """Of the translation, a key of ``prompts.LANGUAGES``."""
    problem: str = ""
    """Which task of the data set it is about; empty where the data do not say."""
    tests: Tests | None = None

    @property
    def instruction(self) -> str:
        """What follows the source in the prompt."""
        return instruction(LANGUAGES[self.language])


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSplits:
    """The three sides of a data set of pairs, and what is known of where they come from."""

    train: tuple[Pair, ...]
    valid: tuple[Pair, ...]
    test: tuple[Pair, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    unsafe: bool = False
    """Whether translations may be run where no sandbox can be had."""


Sides = tuple[list[Pair], list[Pair], list[Pair]]


def split(pairs: Sequence[Pair], *, seed: int, origin: str) -> tuple[Sides, dict[str, Any]]:
    """De-duplicate, shuffle by ``seed`` and cut 80 / 10 / 10. Raises UsageError where hardly any are left."""
    distinct = list(
        {
            normalised(p.source): p for p in sorted(pairs, key=lambda p: (p.source, p.target or ""))
        }.values()
    )
    if len(distinct) < FEWEST:
        raise UsageError(
            f"{origin}: {len(distinct)} distinct pairs are left of {len(pairs)} rows, too few for an 80 / 10 / 10 split; "
            f"at least {FEWEST} are needed: give more rows"
        )
    train, valid, test = (list(side) for side in cut(shuffled(distinct, seed)))
    return (train, valid, test), {
        "split_rule": RANDOM_RULE,
        "duplicates_removed": len(pairs) - len(distinct),
    }


def shuffled(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Order by a hash of seed and source: random, the same on every platform, and blind to the order of the file."""
    return sorted(
        pairs,
        key=lambda p: hashlib.sha256(f"{seed}\0{p.source}\0{p.target or ''}".encode()).digest(),
    )


def assemble(
    sides: Sides, *, seed: int, sizes: Sizes | None, longest: int | None, origin: str, facts: Any
) -> PairSplits:
    """Leave out pairs of more than ``longest`` characters, then keep at most ``sizes`` of each side, drawn by ``seed``.

    Raises UsageError where a side is left without pairs.
    """
    short = [
        [p for p in side if longest is None or len(p.source) + len(p.target or "") <= longest]
        for side in sides
    ]
    kept = [
        shuffled(side, seed)[:size]
        for side, size in zip(short, sizes or (None, None, None), strict=True)
    ]
    for name, side, given in zip(NAMES, kept, sides, strict=True):
        if not side:
            raise UsageError(
                f"{origin}: of {len(given)} {name} pairs none is left (at most {longest} characters in all); "
                "give shorter ones, or another profile with --green-profile"
            )
    train, valid, test = (tuple(side) for side in kept)
    counts = {
        "too_long_removed": sum(map(len, sides)) - sum(map(len, short)),
        "longest_chars": longest,
        "available": {name: len(side) for name, side in zip(NAMES, short, strict=True)},
        "split_seed": seed,
        "split_sizes": {name: len(side) for name, side in zip(NAMES, kept, strict=True)},
        "test_sources_in_train": overlap(train, test),
        "tests": all(p.tests is not None for p in test),
    }
    return PairSplits(train=train, valid=valid, test=test, facts={**facts, **counts})


def doubts(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Say where a score on these sides is not one on the whole data set, or is flattered by pairs that were trained on."""
    kept, there = facts["split_sizes"]["test"], facts["available"]["test"]
    found = []
    if facts["too_long_removed"]:
        found.append(
            f"only pairs of at most {facts['longest_chars']} characters are used: scores of the whole data set would be others"
        )
    if kept < there:
        found.append(f"scored on {kept} of {there} test pairs")
    if facts["test_sources_in_train"]:
        found.append(
            f"{facts['test_sources_in_train']} of {kept} test sources stand in the training data too"
        )
    return tuple(found)


def overlap(train: Sequence[Pair], test: Sequence[Pair]) -> int:
    """Count the test pairs whose source stands in train too."""
    known = {normalised(p.source) for p in train}
    return sum(normalised(p.source) in known for p in test)
