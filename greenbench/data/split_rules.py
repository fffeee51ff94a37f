"""How examples fall into train, valid and test, 80 / 10 / 10: at random, by project, or by time.

A rule shares out *units* that must not be torn apart. At random these are clusters of near-duplicates. By project and by time a
cluster may reach over two sides; what lies on the later one is left out there, and counted.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from greenbench.data.examples import Example

Sides = tuple[list["Example"], list["Example"], list["Example"]]

RULES = {
    "random": "random 80/10/10 after exact deduplication, near-duplicates on one side",
    "project": "by project 80/10/10 after exact deduplication, near-duplicates on the later sides left out",
    "time": "by time 80/10/10, the oldest first, after exact deduplication, near-duplicates on the later sides left out",
}
"""Rule to its words in results."""


def fill(
    examples: Sequence[Example], rule: str, seed: int, origin: str
) -> tuple[Sides, dict[str, int]]:
    """Return the sides that ``rule`` makes of clustered examples, and the counts of those that it left out.

    Raises UsageError where hardly an example has what the rule goes by.
    """
    if rule == "random":
        return _in_turn(_units(examples, lambda e: e.group, seed), seed), {}
    known = [e for e in examples if getattr(e, rule) is not None]
    _refuse_unknown(len(known), len(examples), rule, origin)
    units = _units(known, lambda e: getattr(e, rule), seed)
    sides = _oldest_first(units) if rule == "time" else _in_turn(units, seed)
    apart = _apart(sides)
    lost = sum(map(len, sides)) - sum(map(len, apart))
    return apart, {
        f"without_{rule}_removed": len(examples) - len(known),
        "near_duplicates_across_removed": lost,
    }


def _units(
    examples: Iterable[Example], name: Callable[[Example], Hashable], seed: int
) -> list[list[Example]]:
    """Return the examples by what they share, those of a unit in an order that the seed shuffles."""
    units: dict[Any, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda e: _draw(seed, e)):
        units[name(example)].append(example)
    return list(units.values())


def _draw(seed: int, example: Example) -> bytes:
    """Order by a hash of seed and text: random, the same on every platform, and blind to the order of the file."""
    return hashlib.sha256(f"{seed}\0{example.text}".encode("utf-8", "surrogatepass")).digest()


def _in_turn(units: Sequence[Sequence[Example]], seed: int) -> Sides:
    """Hand out units in random order: to test and valid while they fit into a tenth, else to train."""
    room = round(sum(map(len, units)) / 10)
    train, valid, test = list["Example"](), list["Example"](), list["Example"]()
    for unit in sorted(units, key=lambda u: _draw(seed, u[0])):
        side = next((s for s in (test, valid) if len(s) + len(unit) <= room), train)
        side += unit
    return train, valid, test


def _oldest_first(units: Sequence[Sequence[Example]]) -> Sides:
    """Cut by time; what has one and the same time stays together."""
    count, before = sum(map(len, units)), 0
    sides: Sides = ([], [], [])
    for unit in sorted(units, key=lambda u: u[0].time or 0.0):
        place = 0 if before < 0.8 * count else 1 if before < 0.9 * count else 2
        sides[place].extend(unit)
        before += len(unit)
    return sides


def _apart(sides: Sides) -> Sides:
    """Leave out of valid and test what is near an example of an earlier side."""
    train, valid, test = sides
    seen = {e.group for e in train}
    valid = [e for e in valid if e.group not in seen]
    seen |= {e.group for e in valid}
    return train, valid, [e for e in test if e.group not in seen]


def _refuse_unknown(known: int, count: int, rule: str, origin: str) -> None:
    if known * 2 < count:
        raise UsageError(
            f"{origin}: a split by {rule} was asked for, and {count - known} of {count} functions have no {rule}; name the "
            f"column with --green-columns T2={rule}:COLUMN, or split at random"
        )
