"""The linear model of rounds in blocks, and what correlated errors do to it.

    value = block + cell + trend * position + error

Errors of neighbouring rounds may be correlated: a first-order autoregression is fitted to the
residuals by moments, and widens each difference by what it does to it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from greenbench.stats.shrinkage import Array

TREND_FREEDOM = 10
"""Degrees of freedom from which on one is spent on the trend in time."""
CORRELATIONS = np.array([0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
"""Correlations of neighbouring rounds that are tried; between them it is interpolated."""
LARGEST_DESIGN = 400
"""Rounds of the design on which the effect of a correlation is computed: more change little."""
NEGLIGIBLE = 1e-9
"""Spread of the rounds in time that is none, and eigenvalues that are."""
LEAST_WEIGHT = 1e-6
"""Of a round that does not count, so that all equations have a solution."""


class BlockDesign:
    """The linear model of a table of blocks and cells, whose rounds have places in time."""

    def __init__(self, order: Array) -> None:
        """Take the places of rounds: a row for each block, a column for each cell."""
        self.blocks, self.cells = order.shape
        self.order = order
        centred = order - order.mean()
        self.time = centred / order.size
        self._bent = _doubly_centred(self.time)
        self.freedom = float((self.blocks - 1) * (self.cells - 1))
        self._spread = float((self._bent**2).sum())
        self.has_trend = self.freedom > TREND_FREEDOM and self._spread > NEGLIGIBLE
        if self.has_trend:
            self.freedom -= 1

    def effects(self, table: Array) -> Array:
        """Return each cell's effect, the trend taken out."""
        effects: Array = (table - self._trend(table) * self.time).mean(axis=0)
        return effects

    def residuals(self, table: Array) -> Array:
        """Return what the model does not explain."""
        return _doubly_centred(table) - self._trend(table) * self._bent

    def _trend(self, table: Array) -> float:
        if not self.has_trend:
            return 0.0
        along = (table * self._bent).sum()
        return float(along / self._spread)

    def leverages(self, reference: int) -> Array:
        """Return the variance of each cell's difference, if a round's variance is 1."""
        squares = self.contrasts(reference) ** 2
        result: Array = squares.sum(axis=1)
        return result

    def contrasts(self, reference: int) -> Array:
        """Return the weights with which rounds enter each cell's difference, a row for each."""
        rows = []
        for cell in range(self.cells):
            rows.append(self.contrast(cell, reference).ravel())
        return np.array(rows)

    def contrast(self, cell: int, reference: int) -> Array:
        """Return the weights with which rounds enter the difference of two cells."""
        weights = np.zeros_like(self.order)
        part = 1 / self.blocks
        weights[:, cell] += part
        weights[:, reference] -= part
        if self.has_trend:
            slope = (weights * self.time).sum()
            weights -= slope / self._spread * self._bent
        return weights

    def correlation(self, residuals: Array) -> float:
        """Return the correlation of neighbouring rounds' errors whose residuals look like these.

        Residuals are correlated even if errors are not; so the observed correlation is compared
        with the one that residuals of this design have at each true correlation.
        """
        squares = float((residuals**2).sum())
        if not squares or self.freedom < TREND_FREEDOM:
            return 0.0
        places = np.argsort(self.order, axis=None)
        in_time = residuals.ravel()[places]
        observed = float(in_time[1:] @ in_time[:-1]) / squares
        expected = self._part().expected
        return float(np.interp(observed, expected.neighbours, CORRELATIONS))

    def inflation(self, reference: int, rho: float) -> Array:
        """Return by how much a correlation widens the variance of each cell's difference.

        It is relative to the variance that the residuals show, and at least 1.
        """
        if not rho:
            return np.ones(self.cells)
        part = self._part()
        weights = part.contrasts(reference)
        errors = part.correlations(rho)
        correlated = (weights @ errors * weights).sum(axis=1)
        plain = part.leverages(reference)
        plain[reference] = 1.0  # it differs from itself by nothing
        seen = float(np.interp(rho, CORRELATIONS, part.expected.variances))
        widened: Array = np.maximum(1.0, correlated / plain / seen)
        return widened

    def _part(self) -> BlockDesign:
        """Return the design of the first blocks, as many as can be computed with quickly."""
        blocks = max(2, LARGEST_DESIGN // self.cells)
        return self if blocks >= self.blocks else BlockDesign(self.order[:blocks])

    @property
    def expected(self) -> _Expectation:
        """What residuals show at each correlation; one computation serves alike designs."""
        return _expected(self.order.tobytes(), self.blocks, self.cells)

    def correlations(self, rho: float) -> Array:
        """Return the correlation of each two rounds' errors."""
        places = self.order.ravel()
        distances = np.abs(places[:, None] - places)
        result: Array = rho**distances
        return result


@dataclass(frozen=True, slots=True)
class WeightedFit:
    """Effects of cells by weighted least squares."""

    effects: Array
    """They sum to 0."""
    residuals: Array
    covariance: Array
    """Of ``effects``, if a round of weight 1 has variance 1."""

    def leverages(self, reference: int) -> Array:
        """Return the variance of each cell's difference, if a round of weight 1 has variance 1."""
        own = np.diag(self.covariance)
        result: Array = own + own[reference] - 2 * self.covariance[reference]
        return result


def weighted_fit(design: BlockDesign, table: Array, weights: Array) -> WeightedFit:
    """Fit blocks, cells and the trend by least squares, each round by its weight.

    Once blocks are taken out, the equations of the cells are a diagonal less one product a block.
    So Woodbury's identity solves them in a time that grows with the square of the cells, and the
    trend is one border more (Searle, Linear Models 1971, ch. 7, on the two-way layout).
    """
    counted = np.maximum(weights, LEAST_WEIGHT)
    values = _within_blocks(table, counted)
    covariance = _covariance_of_cells(counted)
    right = (counted * values).sum(axis=0)
    effects = covariance @ right
    if not design.has_trend:
        return WeightedFit(effects, _unexplained(values, effects, counted), covariance)
    time = _within_blocks(design.time, counted)
    shared = (counted * time).sum(axis=0)
    along = covariance @ shared
    bent = _unexplained(time, along, counted)
    spread = float((counted * bent**2).sum())
    if spread <= NEGLIGIBLE * float((counted * time**2).sum()):
        return WeightedFit(effects, _unexplained(values, effects, counted), covariance)
    slope = float((counted * bent * values).sum()) / spread
    effects = effects - slope * along
    residuals = _unexplained(values, effects, counted) - slope * time
    return WeightedFit(effects, residuals, covariance + np.outer(along, along) / spread)


def _covariance_of_cells(weights: Array) -> Array:
    """Return the covariance of cells' effects that sum to 0, blocks taken out, without a trend.

    The equations leave the sum of the effects open: it is given a weight, whose part is taken away.
    """
    blocks, cells = weights.shape
    of_cells = weights.sum(axis=0)
    weight = float(of_cells.mean()) / cells
    sides = np.vstack([weights, np.ones(cells)])
    scaled = sides / of_cells
    inner = scaled @ sides.T
    inner[np.arange(blocks), np.arange(blocks)] -= weights.sum(axis=1)
    inner[blocks, blocks] += 1 / weight
    inverse = np.diag(1 / of_cells) - scaled.T @ np.linalg.solve(inner, scaled)
    covariance: Array = inverse - 1 / (weight * cells**2)
    return covariance


def _unexplained(values: Array, effects: Array, weights: Array) -> Array:
    """Return what cells' effects leave of values, both without their blocks' weighted means."""
    result: Array = values - _within_blocks(np.broadcast_to(effects, values.shape), weights)
    return result


def _within_blocks(values: Array, weights: Array) -> Array:
    """Take the weighted mean of each block out."""
    totals = (weights * values).sum(axis=1, keepdims=True)
    result: Array = values - totals / weights.sum(axis=1, keepdims=True)
    return result


class _Expectation(NamedTuple):
    """What the residuals of a design show at each of ``CORRELATIONS``."""

    neighbours: Array
    """The correlation of neighbouring residuals, never falling."""
    variances: Array
    """The estimated variance of a round, if the true one is 1."""


@functools.lru_cache(maxsize=16)
def _expected(order: bytes, blocks: int, cells: int) -> _Expectation:
    design = BlockDesign(np.frombuffer(order).reshape(blocks, cells))
    size = blocks * cells
    projector = np.empty((size, size))
    for number, unit in enumerate(np.eye(size)):
        residuals = design.residuals(unit.reshape(blocks, cells))
        projector[number] = residuals.ravel()
    in_time = np.argsort(design.order, axis=None)
    earlier, later = in_time[:-1], in_time[1:]
    neighbours, variances = [], []
    for rho in CORRELATIONS:
        errors = design.correlations(rho)
        covariance = projector @ errors @ projector.T
        trace = float(np.trace(covariance))
        of_neighbours = float(covariance[later, earlier].sum())
        neighbours.append(of_neighbours / trace)
        variances.append(trace / design.freedom)
    return _Expectation(np.maximum.accumulate(neighbours), np.array(variances))


def _doubly_centred(table: Array) -> Array:
    """Take the means of rows and columns out."""
    within = table - table.mean(axis=1, keepdims=True)
    result: Array = within - within.mean(axis=0)
    return result
