"""The rounds that count: means that stand beside ratios are of the rounds that these are of.

Where the first block does not fit the others, ratios leave it out as warm-up. A mean that held it
would contradict them: it may be twice what the other rounds took.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.gates.changes import Change
from greenbench.gates.interleaved import WITHOUT_FIRST

if TYPE_CHECKING:
    from greenbench.report.comparison import TaskComparison
    from greenbench.results.reading import CellRecord

LEFT_OUT = "is left out, as it does not fit the others (warm-up)"
"""What is said of a first round."""


def leaves_out_first(comparison: TaskComparison) -> bool:
    """Whether ratios of energy to V0's leave out the first block of a task."""
    for change in comparison.energy.values():
        if isinstance(change, Change) and WITHOUT_FIRST in change.how:
            return True
    return False


def counted(cell: CellRecord, comparison: TaskComparison) -> CellRecord:
    """Return a cell of a task with those of its rounds alone that ratios to V0 are of."""
    if not leaves_out_first(comparison):
        return cell
    blocks = [one_round.block for one_round in cell.rounds if one_round.block is not None]
    first = min(blocks, default=None)
    rounds = tuple(one_round for one_round in cell.rounds if one_round.block != first)
    return replace(cell, rounds=rounds) if rounds else cell


def counted_cells(comparison: TaskComparison) -> list[CellRecord]:
    """Return all cells of a task with the rounds that count."""
    return [counted(cell, comparison) for cell in comparison.cells]
