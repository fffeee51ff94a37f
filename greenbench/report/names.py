"""Short names of cells for a terminal: ``T2-V1_data-b16`` is ``T2 V1 b16``.

Full ids stay in results files, in gates, and in pytest's own lines.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

CELL_ID = re.compile(r"(?P<task>[^-\s]+)-(?P<variant>[VFK]\d+_\w+)(?P<suffix>(?:-.+)?)", re.ASCII)
"""A variant's number begins with F if ``--green-factorial`` made it, with K if ``--green-knob``."""


LONGEST_VARIANT = 22
"""Characters of a variant's name that are shown whole; longer ones lose their middle."""
HEAD, TAIL = 9, 11
SHORT_STAGES = {"architecture": "arch", "training": "train", "inference": "infer"}


class ShortNames:
    """Names cells by task, number and swept values; by the variant's name if that is ambiguous.

    A variant of ``--green-factorial`` is named by the stages that are on: ``T2 F7 data+train``; one
    of ``--green-knob`` by what it sets: ``T2 K0 batch_size_64``.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        """Name the cells ``ids``, and tests of plain functions; every other one keeps its id."""
        cells = []
        ids = tuple(dict.fromkeys(ids))
        for cell_id in ids:
            match = CELL_ID.fullmatch(cell_id)
            if match is not None:
                cells.append(match)
        variants = _variant_names({match["variant"] for match in cells})
        self._names = without_files(ids)
        for match in cells:
            variant = variants[match["variant"]]
            swept = match["suffix"].replace("-", " ")
            self._names[match[0]] = f"{match['task']} {variant}{swept}"

    def __getitem__(self, cell_id: str) -> str:
        """Return the name of a cell, safe to print."""
        return printable(self._names.get(cell_id, cell_id))

    def variant(self, cell_id: str) -> str:
        """Return the name without the task: ``V1 b16``."""
        name = self[cell_id]
        return name.partition(" ")[2] if CELL_ID.fullmatch(cell_id) else name


def without_files(ids: Iterable[str]) -> dict[str, str]:
    """Return the names of plain functions' tests by node id, without a file if that is unambiguous.

    Ids of cells are not among them.
    """
    names = {}
    for node_id in ids:
        _, separator, name = node_id.partition("::")
        if separator:
            names[node_id] = name
    count = Counter(names.values())
    return {node_id: name for node_id, name in names.items() if count[name] == 1}


def _variant_names(variants: Collection[str]) -> dict[str, str]:
    """Return the shortest unambiguous name of each variant: number, elided, or whole."""
    names = {}
    numbers = Counter(map(_number, variants))
    elided = Counter(map(_elided, variants))
    for variant in variants:
        if numbers[_number(variant)] == 1:
            names[variant] = _number(variant)
        elif elided[_elided(variant)] == 1:
            names[variant] = _elided(variant)
        else:
            names[variant] = variant
    return names


def _number(variant: str) -> str:
    """Return a variant's number; with what is on or set, where that is all its name."""
    number, _, stages = variant.partition("_")
    if number.startswith("K"):
        return f"{number} {stages.partition('_')[2]}"
    if not number.startswith("F"):
        return number
    words = [SHORT_STAGES.get(stage, stage) for stage in stages.split("_")]
    return f"{number} {'+'.join(words)}"


def _elided(variant: str) -> str:
    if len(variant) <= LONGEST_VARIANT:
        return variant
    return f"{variant[:HEAD]}..{variant[-TAIL:]}"
