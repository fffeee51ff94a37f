"""Which cells are combinations of which others, by the knobs that they turn on.

A combination's parts share no knob, and together they turn on exactly its knobs. Where several sets
of parts do, the one with the most parts is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.analysis.evidence import Exclusion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.evidence import AnalysedCell, KnobSet, TaskEvidence


class CombinedCell(NamedTuple):
    """A cell and the cells whose knobs it joins."""

    cell: str
    parts: tuple[str, ...]


def combinations(evidence: TaskEvidence) -> tuple[list[CombinedCell], list[Exclusion]]:
    """Return the combinations, fewest parts first, and the cells that lack parts, with why."""
    found, lacking = [], []
    for name, cell in evidence.cells.items():
        smaller = _within(cell, evidence.cells)
        if not smaller:
            continue
        parts = _cover(cell.on, list(smaller.items()))
        if parts:
            found.append(CombinedCell(name, tuple(sorted(parts))))
        elif len(_stages(cell.on)) > 1:
            lacking.append(Exclusion(cell=name, reason=_without_parts(cell.on, smaller)))
    return sorted(found, key=lambda combined: len(combined.parts)), lacking


def _within(cell: AnalysedCell, cells: Mapping[str, AnalysedCell]) -> dict[str, KnobSet]:
    """Return the cells that turn on some of a cell's knobs and no others; one of equal cells."""
    within: dict[KnobSet, str] = {}
    for name, other in cells.items():
        if other.on and other.on < cell.on:
            within.setdefault(other.on, name)
    return {name: on for on, name in within.items()}


def _cover(wanted: KnobSet, cells: Sequence[tuple[str, KnobSet]]) -> list[str]:
    """Return the most cells that turn on ``wanted``, each knob once; nothing if none do."""
    if not wanted:
        return []
    best: list[str] = []
    first = min(wanted)
    for name, on in cells:
        if first not in on or not on <= wanted:
            continue
        rest = _cover(wanted - on, cells)
        if (rest or on == wanted) and len(rest) + 1 > len(best):
            best = [name, *rest]
    return best


def _stages(on: KnobSet) -> set[str]:
    return {knob.partition(".")[0] for knob, _ in on}


def _without_parts(wanted: KnobSet, smaller: Mapping[str, KnobSet]) -> str:
    """Say why a cell has no parts: a knob that none has, or one that they share."""
    missing = wanted.difference(*smaller.values())
    if missing:
        knobs = ", ".join(f"{knob}={value}" for knob, value in sorted(missing))
        return f"no part has {knobs}; measure a variant with that alone (greenbench new)"
    names = sorted(smaller)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            shared = sorted(knob for knob, _ in smaller[name] & smaller[other])
            if shared:
                return (
                    f"its parts {name} and {other} share {', '.join(shared)}, whose effect would "
                    "count twice; measure each knob in a variant of its own"
                )
    return "no parts of it turn on exactly its knobs"
