"""Least squares of rounds on cells, blocks and a trend in time: the part that no value enters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.block_design import TREND_FREEDOM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.stats.shrinkage import Array


class RoundPlace(NamedTuple):
    """Which cell a round is of, by number, and where in time it ran."""

    cell: int
    session: int
    block: int
    position: int

    @property
    def in_session(self) -> tuple[int, int]:
        """The session and the block."""
        return self.session, self.block


class LeastSquares:
    """How the coefficients of a model follow from the rounds' values."""

    def __init__(self, places: Sequence[RoundPlace]) -> None:
        """Solve the model for rounds at these places."""
        self._cells = max(place.cell for place in places) + 1
        design = _design(places, self._cells)
        self.solve = np.asarray(np.linalg.pinv(design), dtype=np.float64)
        """By coefficient (cells, blocks but the last, trends) and round."""
        self.unexplained: Array = np.eye(len(places)) - design @ self.solve
        """Makes residuals of values."""
        rank = int(np.linalg.matrix_rank(design))
        self.freedom = max(1, len(places) - rank)
        """Degrees of freedom of the residuals."""

    @property
    def of_cells(self) -> Array:
        """By cell and round: what a value adds to the mean of the cell."""
        return self.solve[: self._cells]


def _design(places: Sequence[RoundPlace], cells: int) -> Array:
    """Return the columns of the model: cells, blocks that sum to zero, a trend in each session."""
    blocks = sorted({place.in_session for place in places})
    design = np.zeros((len(places), cells + len(blocks) - 1))
    for row, place in enumerate(places):
        design[row, place.cell] = 1.0
        block = blocks.index(place.in_session)
        if block == len(blocks) - 1:
            design[row, cells:] = -1.0
        else:
            design[row, cells + block] = 1.0
    trends = _trends(places)
    rows, columns = design.shape
    if rows - columns - trends.shape[1] < TREND_FREEDOM:
        return design
    return np.hstack([design, trends])


def _trends(places: Sequence[RoundPlace]) -> Array:
    """Return a column for each session: the places of its rounds in time, centred."""
    sessions = np.array([place.session for place in places])
    positions = np.array([place.position for place in places], dtype=float)
    columns = []
    for session in np.unique(sessions):
        own = sessions == session
        centred = positions - positions[own].mean()
        columns.append(np.where(own, centred, 0.0) / own.sum())
    trends: Array = np.column_stack(columns)
    return trends
