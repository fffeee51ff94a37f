"""Labelled examples, exact de-duplication, and the seeded random 80 / 10 / 10 split.

De-duplication comes *before* the split, so that no text is on two sides. Only texts that are equal up to white space
count as duplicates here; near-duplicates (renamed variables, added comments) are not found. A rule that keeps groups
together (near-duplicate clusters, projects, dates) makes its own three sides and hands them to ``assemble``, whose
checks hold for any rule.

A split is a function of the *set* of rows and the seed: the order of the rows in a file does not matter.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

Sizes = tuple[int, int, int]
"""How many examples of train, valid and test."""

NAMES = ("train", "valid", "test")
RULE = "random 80/10/10 after exact deduplication"
FEWEST = 20
"""Rows below which valid or test (a tenth each) could not hold both classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One function with its label: 1 vulnerable, 0 not."""

    text: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The three sides of a data set, and what is known of where they come from."""

    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Plain builtins for the results file: source, revision, digest, rows, what was removed, sizes, rule, seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct:
    """What is left after exact de-duplication; ``len(examples)`` and the two counts add up to the rows given."""

    examples: tuple[Example, ...]
    duplicates_removed: int
    """Rows beyond the first of texts that all carry one label."""
    conflicts_removed: int
    """Rows of texts that carry both labels: none of them is kept, because nobody knows which label is right."""
    conflicting_texts: int
    """How many different texts those rows hold."""


def normalised(text: str) -> str:
    """Return ``text`` with each run of white space as one blank, none at the ends: duplicates are equal then."""
    return " ".join(text.split())


def deduplicate(examples: Sequence[Example]) -> Distinct:
    """Keep one example of each normalised text (the least raw one: row order is no matter), none if labels conflict."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[normalised(example.text)].append(example)
    agreed = [group for group in groups.values() if len({e.label for e in group}) == 1]
    conflicts = sum(map(len, groups.values())) - sum(map(len, agreed))
    return Distinct(
        examples=tuple(min(group, key=lambda e: e.text) for group in agreed),
        duplicates_removed=sum(len(group) - 1 for group in agreed),
        conflicts_removed=conflicts,
        conflicting_texts=len(groups) - len(agreed),
    )


def split(examples: Sequence[Example], *, seed: int, sizes: Sizes | None, origin: str, facts: Mapping[str, Any]) -> Splits:
    """De-duplicate, shuffle by ``seed``, cut 80 / 10 / 10, then keep at most ``sizes`` examples of each side.

    ``origin`` names the data in error sentences; ``facts`` are carried over and completed. Raises UsageError where
    fewer than ``FEWEST`` distinct examples are left, or where a side (after the cap) has one class only: no score is
    defined then.
    """
    distinct = deduplicate(examples)
    _refuse_hopeless(distinct, len(examples), origin)
    sides = cut(_shuffled(distinct.examples, seed))
    capped = sides if sizes is None else tuple(side[:size] for side, size in zip(sides, sizes, strict=True))
    counts = {
        "rows": len(examples),
        "duplicates_removed": distinct.duplicates_removed,
        "conflicts_removed": distinct.conflicts_removed,
        "conflicting_texts": distinct.conflicting_texts,
        "available": {name: len(side) for name, side in zip(NAMES, sides, strict=True)},
    }
    rule = {"split_rule": RULE, "split_seed": seed}
    return assemble(capped, origin=origin, facts={**facts, **counts, **rule})


def assemble(sides: Sequence[Sequence[Example]], *, origin: str, facts: Mapping[str, Any]) -> Splits:
    """Build Splits of three ready-made sides and add their sizes to ``facts``.

    Raises UsageError where a side has one class only, or where a text stands on two sides.
    """
    for name, side in zip(NAMES, sides, strict=True):
        _refuse_one_class(side, f"{origin}: the {name} split")
    _refuse_overlap(sides, origin)
    train, valid, test = (tuple(side) for side in sides)
    sizes = {
        "split_sizes": {name: len(side) for name, side in zip(NAMES, sides, strict=True)},
        "positives": {name: _positives(side) for name, side in zip(NAMES, sides, strict=True)},
    }
    return Splits(train=train, valid=valid, test=test, facts={**facts, **sizes})


def _shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    """Order by a hash of seed and text: random, the same on every platform, and blind to the order of the file."""
    return sorted(examples, key=lambda e: hashlib.sha256(f"{seed}\0{normalised(e.text)}".encode()).digest())


def cut(examples: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """Cut 80 / 10 / 10, in order."""
    tenth = round(len(examples) / 10)
    border = len(examples) - 2 * tenth
    return examples[:border], examples[border : border + tenth], examples[border + tenth :]


def _positives(side: Sequence[Example]) -> int:
    return sum(e.label for e in side)


def _refuse_hopeless(distinct: Distinct, rows: int, origin: str) -> None:
    left = len(distinct.examples)
    if left < FEWEST:
        msg = (
            f"{origin}: {left} distinct functions are left of {rows} rows, too few for an 80 / 10 / 10 split; "
            f"at least {FEWEST} are needed, and hundreds for a score that means something: give more rows"
        )
        raise UsageError(msg)
    _refuse_one_class(distinct.examples, f"{origin}: after deduplication the data")


def _refuse_one_class(side: Sequence[Example], who: str) -> None:
    positives = _positives(side)
    if not 0 < positives < len(side):
        msg = (
            f"{who} has {len(side)} rows, {positives} of them vulnerable; both labels, 0 and 1, are needed to train "
            f"and score: give more rows, or a larger sample, or check the label column"
        )
        raise UsageError(msg)


def _refuse_overlap(sides: Sequence[Sequence[Example]], origin: str) -> None:
    texts = [{normalised(e.text) for e in side} for side in sides]
    shared = len(texts[0] & texts[1]) + len(texts[0] & texts[2]) + len(texts[1] & texts[2])
    if shared:
        msg = f"{origin}: {shared} functions stand on two sides of the split, which flatters the score; remove them there"
        raise UsageError(msg)
