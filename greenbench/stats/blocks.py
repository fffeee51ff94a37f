"""Cells that were measured in blocks: every block has one round of each cell.

A block's rounds share the state of the machine, so cells are compared within blocks. The model is a
randomised block design (Fisher, The Design of Experiments 1935) with a linear trend in time:

    value = block + cell + trend * position + error

Four things keep its intervals honest where machines are not. A first block that does not fit the
others is left out as warm-up (an F-test at 1 %). Errors of neighbouring rounds may be correlated:
a first-order autoregression is fitted to the residuals by moments, and widens each difference by
what it does to it. Cells may differ in spread: each cell's variance is shrunk towards that of all,
by as much as the variances themselves suggest (Smyth, Statistical Applications in Genetics and
Molecular Biology 3, 2004). And the degrees of freedom are those of that estimate, not more than the
design has.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.shrinkage import Array, shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

WARM_UP_LEVEL = 0.01
"""Level of the test that leaves out the first block."""
FEWEST_BLOCKS = 3
"""The fewest blocks of which the first can be left out."""
TREND_FREEDOM = 10
"""Degrees of freedom from which on one is spent on the trend in time."""
CORRELATIONS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
"""Correlations of neighbouring rounds that are tried; between them it is interpolated."""
LARGEST_DESIGN = 400
"""Rounds of the design on which the effect of a correlation is computed: more change little."""


@dataclass(frozen=True, slots=True)
class CellDifference:
    """How a cell differs from the reference cell."""

    value: float
    standard: float
    """Standard uncertainty of ``value``."""
    freedom: float
    """Degrees of freedom of ``standard``."""
    spread: float
    """Standard deviation of the difference within one block."""


@dataclass(frozen=True, slots=True)
class BlockComparison:
    """All cells of a design beside one of them."""

    differences: tuple[CellDifference, ...]
    """In the order of the cells; that of the reference itself is 0."""
    blocks: int
    """Blocks that were used."""
    without_first: bool
    """Whether the first block was left out as warm-up."""
    correlation: float
    """Of the errors of neighbouring rounds."""


def compare_in_blocks(
    values: Sequence[Sequence[float]], positions: Sequence[Sequence[int]], reference: int
) -> BlockComparison:
    """Compare every cell with the cell number ``reference``.

    ``values`` has a row for each block (two at least) and a column for each cell (two at least);
    ``positions`` are the places of these rounds in the session's order.
    """
    table = np.asarray(values, dtype=float)
    order = np.asarray(positions, dtype=float)
    without_first = _first_differs(table)
    if without_first:
        table, order = table[1:], order[1:]
    design = _Design(order)
    residuals = design.residuals(table)
    correlation = design.correlation(residuals)
    variances, freedom = _moderated(residuals, design.freedom)
    if len(table) < FEWEST_BLOCKS:  # no test leaves out a warm-up: the larger variance counts
        variances = np.maximum(variances, _variances(residuals, design.freedom))
    effects = design.effects(table)
    inflation = design.inflation(reference, correlation)
    differences = []
    for cell in range(table.shape[1]):
        spread = float(np.sqrt((variances[cell] + variances[reference]) * inflation[cell]))
        if cell == reference:
            spread = 0.0
        value = float(effects[cell] - effects[reference])
        standard = spread * float(np.sqrt(design.leverage(cell, reference) / 2))
        differences.append(CellDifference(value, standard, freedom, spread))
    return BlockComparison(tuple(differences), len(table), without_first, correlation)


def _first_differs(table: Array) -> bool:
    """Whether the cells compare otherwise in the first block than in the later ones, by an F-test.

    A session that is still warming up shows this; a constant offset of the block does not.
    """
    blocks, cells = table.shape
    if blocks < FEWEST_BLOCKS:
        return False
    from scipy.special import fdtrc

    rest = table[1:]
    shape = rest.mean(axis=0) - rest.mean()
    first = table[0] - table[0].mean() - shape
    later = rest - rest.mean(axis=1, keepdims=True) - shape
    freedom = (blocks - 2) * (cells - 1)
    noise = float((later**2).sum()) / freedom
    if not noise:
        return False
    of_first = float((first**2).sum()) / (cells - 1) / (1 + 1 / (blocks - 1))
    return bool(fdtrc(cells - 1, freedom, of_first / noise) < WARM_UP_LEVEL)


class _Design:
    """The linear model of a table of blocks and cells, whose rounds have places in time."""

    def __init__(self, order: Array) -> None:
        self.blocks, self.cells = order.shape
        self.order = order
        self._time = (order - order.mean()) / order.size
        self._bent = _doubly_centred(self._time)
        self.freedom = float((self.blocks - 1) * (self.cells - 1))
        self.has_trend = self.freedom > TREND_FREEDOM and float((self._bent**2).sum()) > 1e-9  # noqa: PLR2004
        if self.has_trend:
            self.freedom -= 1

    def effects(self, table: Array) -> Array:
        """Return each cell's effect, the trend taken out."""
        effects: Array = (table - self._trend(table) * self._time).mean(axis=0)
        return effects

    def residuals(self, table: Array) -> Array:
        """Return what the model does not explain."""
        return _doubly_centred(table) - self._trend(table) * self._bent

    def _trend(self, table: Array) -> float:
        if not self.has_trend:
            return 0.0
        return float((table * self._bent).sum() / (self._bent**2).sum())

    def leverage(self, cell: int, reference: int) -> float:
        """Return the variance of the difference of two cells, if a round's variance is 1."""
        return float((self.contrast(cell, reference) ** 2).sum())

    def contrast(self, cell: int, reference: int) -> Array:
        """Return the weights with which rounds enter the difference of two cells."""
        weights = np.zeros_like(self.order)
        weights[:, cell] += 1 / self.blocks
        weights[:, reference] -= 1 / self.blocks
        if self.has_trend:
            slope = float((weights * self._time).sum()) / float((self._bent**2).sum())
            weights = weights - slope * self._bent
        return weights

    def correlation(self, residuals: Array) -> float:
        """Return the correlation of neighbouring rounds' errors whose residuals look like these.

        Residuals are correlated even if errors are not; so the observed correlation is compared
        with the one that residuals of this design have at each true correlation.
        """
        squares = float((residuals**2).sum())
        if not squares or self.freedom < TREND_FREEDOM:
            return 0.0
        in_time = residuals.ravel()[np.argsort(self.order, axis=None)]
        observed = float(in_time[1:] @ in_time[:-1]) / squares
        return float(np.interp(observed, self._part().expected.neighbours, CORRELATIONS))

    def inflation(self, reference: int, rho: float) -> Array:
        """Return by how much a correlation widens the variance of each cell's difference.

        It is relative to the variance that the residuals show, and at least 1.
        """
        if not rho:
            return np.ones(self.cells)
        part = self._part()
        weights = np.array([part.contrast(c, reference).ravel() for c in range(self.cells)])
        correlated = ((weights @ part.correlations(rho)) * weights).sum(axis=1)
        plain = (weights**2).sum(axis=1)
        plain[reference] = 1.0  # it differs from itself by nothing
        seen = float(np.interp(rho, CORRELATIONS, part.expected.variances))
        widened: Array = np.maximum(1.0, correlated / plain / seen)
        return widened

    def _part(self) -> _Design:
        """Return the design of the first blocks, as many as can be computed with quickly."""
        blocks = max(2, LARGEST_DESIGN // self.cells)
        return self if blocks >= self.blocks else _Design(self.order[:blocks])

    @property
    def expected(self) -> _Expectation:
        """What residuals show at each correlation; one computation serves alike designs."""
        return _expected(self.order.tobytes(), self.blocks, self.cells)

    def correlations(self, rho: float) -> Array:
        """Return the correlation of each two rounds' errors."""
        places = self.order.ravel()
        result: Array = rho ** np.abs(places[:, None] - places[None, :])
        return result


class _Expectation(NamedTuple):
    """What the residuals of a design show at each of ``CORRELATIONS``."""

    neighbours: Array
    """The correlation of neighbouring residuals, never falling."""
    variances: Array
    """The estimated variance of a round, if the true one is 1."""


@functools.lru_cache(maxsize=16)
def _expected(order: bytes, blocks: int, cells: int) -> _Expectation:
    design = _Design(np.frombuffer(order).reshape(blocks, cells))
    size = blocks * cells
    columns = np.eye(size).reshape(size, blocks, cells)
    projector = np.array([design.residuals(column).ravel() for column in columns])
    in_time = np.argsort(design.order, axis=None)
    neighbours, variances = [], []
    for rho in CORRELATIONS:
        covariance = projector @ design.correlations(rho) @ projector.T
        trace = float(np.trace(covariance))
        neighbours.append(float(covariance[in_time[1:], in_time[:-1]].sum()) / trace)
        variances.append(trace / design.freedom)
    return _Expectation(np.maximum.accumulate(neighbours), np.array(variances))


def _doubly_centred(table: Array) -> Array:
    """Take the means of rows and columns out."""
    rows = table.mean(axis=1, keepdims=True)
    columns = table.mean(axis=0, keepdims=True)
    result: Array = table - rows - columns + table.mean()
    return result


def _moderated(residuals: Array, freedom: float) -> tuple[Array, float]:
    """Return each cell's error variance, shrunk towards their common one, with its freedom."""
    of_cell = freedom / residuals.shape[1]
    variances = _variances(residuals, freedom)
    if not variances.all():
        return variances, freedom  # identical rounds: nothing to take logarithms of
    moderated, prior = shrunk(variances, np.full(len(variances), of_cell))
    return moderated, min(prior + of_cell, freedom)


def _variances(residuals: Array, freedom: float) -> Array:
    """Return each cell's own error variance, with its part of the design's freedom."""
    variances: Array = (residuals**2).sum(axis=0) / (freedom / residuals.shape[1])
    return variances
