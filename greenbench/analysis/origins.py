"""Values that several rounds share: a stage that was measured in one of them, once.

What was off while it was measured is off in all rounds that took it over, so their errors are one
error. It cancels in a comparison of two such cells, and does not average out over them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from greenbench.stats.shrinkage import Array

CellInBlock: TypeAlias = "tuple[int, int, str]"
"""A session, a block of it, and a cell."""
LEAST_TRACE = 1e-6
"""A sum of residuals' weights below it is rounding."""


def numbers_of_origins(measured_in: Sequence[CellInBlock], ran: Sequence[CellInBlock]) -> list[int]:
    """Return the number of the round that each round's stage was measured in.

    If that round is left out, the first of those that took it over stands for it.
    """
    number: dict[CellInBlock, int] = {}
    for row, origin in enumerate(measured_in):
        number.setdefault(origin, row)
        if ran[row] == origin:
            number[origin] = row
    return [number[origin] for origin in measured_in]


@dataclass(frozen=True, slots=True)
class Origins:
    """In which round each value was measured."""

    rows: NDArray[np.intp]
    """By round and column: the number of that round, its own where nothing is shared."""

    @classmethod
    def own(cls, rounds: int, columns: int) -> Origins:
        """Return those of values each measured in its own round."""
        return cls(np.tile(np.arange(rounds)[:, None], (1, columns)))

    @property
    def shared(self) -> list[bool]:
        """Of each column whether rounds share its values."""
        own = np.arange(len(self.rows))
        elsewhere = self.rows != own[:, None]
        found: list[bool] = elsewhere.any(axis=0).tolist()
        return found

    def of(self, kept: Sequence[int]) -> Origins:
        """Return those of some rounds, with which all that they share values with are kept."""
        number = np.full(len(self.rows), -1)
        number[kept] = np.arange(len(kept))
        rows = self.rows[kept]
        return Origins(number[rows])

    def gathered(self, moved: Array) -> Array:
        """Add up, in the round where each value was measured, what it moves contrasts by.

        ``moved`` is by contrast, round and column.
        """
        sums = moved.copy()
        for column in np.flatnonzero(self.shared).tolist():
            sums[:, :, column] = 0.0
            for row, origin in enumerate(self.rows[:, column].tolist()):
                sums[:, origin, column] += moved[:, row, column]
        return sums

    def seen(self, unexplained: Sequence[Array], errors: Array) -> Array:
        """Return how much of the errors' covariances residuals show, summed over rounds.

        By column and column. ``unexplained`` makes residuals of a column's values, and ``errors``
        are the correlations of the rounds' own errors.
        """
        columns = len(unexplained)
        shown = np.empty((columns, columns))
        shown[:] = (unexplained[0] * errors).sum()
        if not any(self.shared):
            return shown
        products: dict[tuple[int, int], Array] = {}
        for first, second in itertools.combinations_with_replacement(range(columns), 2):
            between = errors[np.ix_(self.rows[:, first], self.rows[:, second])]
            own, other = unexplained[first], unexplained[second]
            fits = id(own), id(other)  # many columns have one fit
            if fits not in products:
                # the product of a projection with itself is itself
                products[fits] = own if own is other else own.T @ other
            shown[first, second] = shown[second, first] = (products[fits] * between).sum()
        return shown

    def freedom(self, column: int, unexplained: Array) -> float:
        """Return the degrees of freedom of the residuals in a column (Satterthwaite 1946).

        Where all cells of each block share the column, residuals show nothing of its errors, which
        move no difference of cells either.
        """
        same = self.rows[:, [column]] == self.rows[:, column]
        left = unexplained @ same
        trace = float(np.trace(left))
        if trace < LEAST_TRACE:
            return 1.0
        squares = float((left * left.T).sum())
        return trace**2 / squares
