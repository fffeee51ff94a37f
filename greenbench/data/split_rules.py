"""How examples are divided into train, valid and test: as their authors did, or 80 / 10 / 10.

The latter is done randomly, by project, or by time. A rule distributes *units* that stay together.
In a random split these are clusters of near-duplicates. In a split by project or time a cluster may
reach across two splits; its members in the later split are left out and counted. Of the authors'
splits test stays whole, so that scores can be compared with published ones: what is nearly the same
is left out of valid and train.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from greenbench.data.examples import AnyExample, ExampleT
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence


ExampleLists = tuple[list[ExampleT], list[ExampleT], list[ExampleT]]
"""Train, valid and test."""

AUTHORS = "authors"
RULES = {
    AUTHORS: (
        "the authors' train / valid / test after exact deduplication of each, near-duplicates of a "
        "later side left out"
    ),
    "random": "random 80/10/10 after exact deduplication, near-duplicates on one side",
    "project": (
        "by project 80/10/10 after exact deduplication, near-duplicates on the later sides left out"
    ),
    "time": (
        "by time 80/10/10, the oldest first, after exact deduplication, near-duplicates on the "
        "later sides left out"
    ),
}
"""Rule to its description in the results file."""


def fill(
    examples: Sequence[ExampleT], rule: str, seed: int, origin: str
) -> tuple[ExampleLists[ExampleT], dict[str, int]]:
    """Return the splits that ``rule`` makes of clustered examples, and counts of those left out.

    Raises UsageError if most examples lack the property that the rule divides by.
    """
    if rule == AUTHORS:
        return _as_authors_did(examples, seed, origin)
    if rule == "random":
        units = _units(examples, "group", seed)
        return _in_random_order(units, seed), {}
    known = [e for e in examples if getattr(e, rule) is not None]
    _refuse_unknown(len(known), len(examples), rule, origin)
    units = _units(known, rule, seed)
    splits = _oldest_first(units) if rule == "time" else _in_random_order(units, seed)
    separated = _without_shared_clusters(splits)
    unknown = len(examples) - len(known)
    across = _total(splits) - _total(separated)
    counts = {f"without_{rule}_removed": unknown, "near_duplicates_across_removed": across}
    return separated, counts


def _as_authors_did(
    examples: Sequence[ExampleT], seed: int, origin: str
) -> tuple[ExampleLists[ExampleT], dict[str, int]]:
    """Keep the authors' splits; without valid, take a tenth of train, clusters as a whole."""
    sides: dict[str | None, list[ExampleT]] = defaultdict(list)
    for example in sorted(examples, key=lambda e: _draw(seed, e)):
        sides[example.side].append(example)
    if None in sides:
        raise UsageError(
            f"{origin}: the authors' splits were requested, and the names of the files do not tell "
            "train, valid and test; name them so, or leave --green-split out"
        )
    test = sides["test"]
    later = {e.group for e in test}
    valid = [e for e in sides["valid"] if e.group not in later]
    later |= {e.group for e in valid}
    train = [e for e in sides["train"] if e.group not in later]
    counts = {"near_duplicates_across_removed": len(examples) - _total((train, valid, test))}
    if not sides["valid"]:
        train, valid = _tenth_as_valid(train, seed)
        counts["valid_taken_from_train"] = len(valid)
    return (train, valid, test), counts


def _tenth_as_valid(
    examples: Sequence[ExampleT], seed: int
) -> tuple[list[ExampleT], list[ExampleT]]:
    tenth = round(len(examples) / 10)
    train: list[ExampleT] = []
    valid: list[ExampleT] = []
    for unit in _units(examples, "group", seed):
        (valid if len(valid) + len(unit) <= tenth else train).extend(unit)
    return train, valid


def _total(lists: Iterable[Sequence[object]]) -> int:
    return sum(len(examples) for examples in lists)


def _units(examples: Iterable[ExampleT], attribute: str, seed: int) -> list[list[ExampleT]]:
    """Return the examples grouped by ``attribute``, each group in an order drawn by the seed."""
    units: dict[Hashable, list[ExampleT]] = defaultdict(list)
    for example in sorted(examples, key=lambda e: _draw(seed, e)):
        units[getattr(example, attribute)].append(example)
    return list(units.values())


def _draw(seed: int, example: AnyExample) -> bytes:
    """Return a hash of seed and text: a random order that ignores the platform and the file's."""
    return hashlib.sha256(f"{seed}\0{example.text}".encode("utf-8", "surrogatepass")).digest()


def _in_random_order(units: Sequence[Sequence[ExampleT]], seed: int) -> ExampleLists[ExampleT]:
    """Give each unit to test or valid while that stays within a tenth, otherwise to train."""
    tenth = round(_total(units) / 10)
    train: list[ExampleT] = []
    valid: list[ExampleT] = []
    test: list[ExampleT] = []
    for unit in sorted(units, key=lambda u: _draw(seed, u[0])):
        if len(test) + len(unit) <= tenth:
            test.extend(unit)
        elif len(valid) + len(unit) <= tenth:
            valid.extend(unit)
        else:
            train.extend(unit)
    return train, valid, test


def _oldest_first(units: Sequence[Sequence[ExampleT]]) -> ExampleLists[ExampleT]:
    """Cut by time; examples of the same time stay together."""
    count = _total(units)
    placed = 0
    train: list[ExampleT] = []
    valid: list[ExampleT] = []
    test: list[ExampleT] = []
    for unit in sorted(units, key=lambda u: u[0].time or 0.0):
        if placed < 0.8 * count:
            train.extend(unit)
        elif placed < 0.9 * count:
            valid.extend(unit)
        else:
            test.extend(unit)
        placed += len(unit)
    return train, valid, test


def _without_shared_clusters(splits: ExampleLists[ExampleT]) -> ExampleLists[ExampleT]:
    """Leave out of valid and test what is a near-duplicate of an example in an earlier split."""
    train, valid, test = splits
    earlier = {e.group for e in train}
    valid = [e for e in valid if e.group not in earlier]
    earlier |= {e.group for e in valid}
    test = [e for e in test if e.group not in earlier]
    return train, valid, test


def _refuse_unknown(known: int, count: int, rule: str, origin: str) -> None:
    if known * 2 < count:
        raise UsageError(
            f"{origin}: a split by {rule} was requested, and {count - known} of {count} rows "
            f"have no {rule}; name the column with --green-columns TASK={rule}:COLUMN, or split at "
            "random"
        )
