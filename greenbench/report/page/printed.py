"""Which rows of the matrix are printed, where all of them would take more than a few pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.page.matrix import MatrixRow

MOST_ROWS = 20
"""Printed, V0's among them: two pages of two tasks."""
SAVES = "saves"


def printed_names(rows: Sequence[MatrixRow]) -> frozenset[str]:
    """Return the names of the rows that are printed: V0, and those of least energy on any task.

    Those that are shown to save come first, and those without a ratio last.
    """
    ranked = sorted(rows, key=_rank)
    return frozenset(row.name for row in ranked[:MOST_ROWS])


def _rank(row: MatrixRow) -> tuple[bool, bool, float]:
    """Return what sorts rows, the first ones first."""
    ratios = [math.inf]
    saving = [math.inf]
    for cell in row.cells.values():
        if "e" not in cell.keys:
            continue
        ratio = float(cell.keys["e"])
        ratios.append(ratio)
        if cell.verdict.kind == SAVES:
            saving.append(ratio)
    least = min(saving)
    saves = least < math.inf
    return not row.is_baseline, not saves, least if saves else min(ratios)
