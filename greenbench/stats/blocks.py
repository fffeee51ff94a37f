"""Cells that were measured in blocks: every block has one round of each cell.

A block's rounds share the state of the machine, so cells are compared within blocks. The model is a
randomised block design (Fisher, The Design of Experiments 1935) with a linear trend in time:

    value = block + cell + trend * position + error

Five things keep its intervals honest where machines are not. A first block that does not fit the
others is left out as warm-up (an F-test at 1 %). Errors of neighbouring rounds may be correlated:
a first-order autoregression is fitted to the residuals by moments, and widens each difference by
what it does to it. Cells may differ in spread: each cell's variance is shrunk towards that of all,
by as much as the variances themselves suggest (Smyth, Statistical Applications in Genetics and
Molecular Biology 3, 2004). The degrees of freedom are those of that estimate, not more than the
design has. And where single rounds were off, they hardly count (``stats.off_rounds``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from greenbench.stats.block_design import BlockDesign, weighted_fit
from greenbench.stats.off_rounds import OffRounds, find_off_rounds
from greenbench.stats.shrinkage import Array, shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WARM_UP_LEVEL = 0.01
"""Level of the test that leaves out the first block."""
FEWEST_BLOCKS = 3
"""The fewest blocks of which the first can be left out."""
DOUBT = 0.01
"""Probability that other rounds were off than it seems, over all cells, up to which it is clear."""
FEWEST_NORMAL = 1.5
"""The fewest rounds of a cell, by their probabilities, that were not off."""

TINY = np.finfo(float).tiny


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
    shared: float
    """Part of the variance of ``value`` that is the reference's: all cells share it."""
    off: int = 0
    """Rounds of the design that were off, if the difference is a robust one."""


@dataclass(frozen=True, slots=True)
class BlockComparison:
    """All cells of a design beside one of them."""

    differences: tuple[CellDifference, ...]
    """In the order of the cells; that of the reference itself is 0."""
    blocks: int
    """Blocks that were used."""
    without_first: bool = False
    """Whether the first block was left out as warm-up."""
    correlation: float = 0.0
    """Of the errors of neighbouring rounds."""


def compare_in_blocks(
    values: Sequence[Sequence[float]],
    positions: Sequence[Sequence[int]],
    reference: int,
    *,
    robust: bool = True,
) -> BlockComparison:
    """Compare every cell with the cell number ``reference``.

    ``values`` has a row for each block (two at least) and a column for each cell (two at least);
    ``positions`` are the places of these rounds in the session's order. Rounds that were off are
    looked for if ``robust``.
    """
    table = np.asarray(values, dtype=float)
    order = np.asarray(positions, dtype=float)
    without_first = _first_differs(table)
    if without_first:
        table, order = table[1:], order[1:]
    design = BlockDesign(order)
    comparison = _by_all_rounds(design, table, reference)
    found = find_off_rounds(design, table) if robust else None
    if found is not None:
        comparison = _without_off_rounds(design, found, reference, comparison)
    return replace(comparison, without_first=without_first)


def _by_all_rounds(design: BlockDesign, table: Array, reference: int) -> BlockComparison:
    """Compare by least squares over all rounds alike."""
    residuals = design.residuals(table)
    variances, freedom = _moderated(residuals, design.freedom)
    if design.blocks < FEWEST_BLOCKS:  # no test leaves out a warm-up: the larger variance counts
        own = _variances(residuals, design.freedom)
        variances = np.maximum(variances, own)
    correlation = design.correlation(residuals)
    inflation = design.inflation(reference, correlation)
    leverages = design.leverages(reference)
    parts = np.full(design.cells, 1 / design.blocks)
    errors = _CellErrors(variances, freedom, parts, leverages, inflation)
    effects = design.effects(table)
    differences = errors.differences(effects, reference)
    return BlockComparison(tuple(differences), design.blocks, correlation=correlation)


def _without_off_rounds(
    design: BlockDesign, found: OffRounds, reference: int, plain: BlockComparison
) -> BlockComparison:
    """Return ``plain`` with robust differences, but for cells whose off rounds are not clear."""
    doubts = found.doubts()
    counts = found.normal.sum(axis=0)
    of_cell = DOUBT / (design.cells - 1)
    clear = doubts <= of_cell
    clear &= counts >= FEWEST_NORMAL
    clear[reference] = doubts[reference] <= DOUBT
    variances, freedom = _moderated_normal(found, clear)
    if not clear[reference] or not freedom:
        return plain
    residuals = found.fit.residuals
    informed = weighted_fit(design, residuals, found.informative)
    correlation = design.correlation(found.normal * residuals)
    inflation = design.inflation(reference, correlation)
    leverages = informed.leverages(reference)
    errors = _CellErrors(variances, freedom, 1 / counts, leverages, inflation)
    robust_ones = errors.differences(found.fit.effects, reference)
    differences = list(plain.differences)
    for cell, robust in enumerate(robust_ones):
        if clear[cell]:
            differences[cell] = replace(robust, off=found.count)
    return replace(plain, differences=tuple(differences), correlation=correlation)


@dataclass(frozen=True, slots=True)
class _CellErrors:
    """How certain the effects of cells are; each array has an entry for each cell."""

    variances: Array
    """Of a round."""
    freedom: float
    """Degrees of freedom of ``variances``."""
    parts: Array
    """Variance of the mean of the cell's rounds, if that of a round is 1."""
    leverages: Array
    """Variance of the difference from the reference, likewise."""
    inflation: Array
    """By how much the correlation of rounds widens it."""

    def differences(self, effects: Array, reference: int) -> list[CellDifference]:
        """Return how each cell differs from the reference."""
        of_mean = self.variances * self.parts
        whole = of_mean + of_mean[reference]
        of_round = whole / (self.parts + self.parts[reference])
        spreads = np.sqrt(2 * self.inflation * of_round)
        spreads[reference] = 0.0
        standards = spreads * np.sqrt(self.leverages / 2)
        shared = of_mean[reference] / np.maximum(whole, TINY)
        values = effects - effects[reference]
        columns = np.column_stack([values, standards, spreads, shared])
        differences = []
        for value, standard, spread, part in columns.tolist():
            one = CellDifference(value, standard, self.freedom, spread, part)
            differences.append(one)
        return differences


def _moderated_normal(found: OffRounds, clear: NDArray[np.bool_]) -> tuple[Array, float]:
    """Return the error variance of each cell's rounds that were not off, with its freedom.

    That is 0 if some cell has no variance: identical rounds tell nothing of the others.
    """
    counts = found.normal.sum(axis=0)
    freedoms = counts * found.freedom / counts.sum()
    squares = found.normal * found.fit.residuals**2
    variances = squares.sum(axis=0) / freedoms
    of_clear, freedoms = variances[clear], freedoms[clear]
    if len(of_clear) <= 1 or not of_clear.all():
        return variances, 0.0
    variances[clear], prior = shrunk(of_clear, freedoms)
    own = float(freedoms.mean())
    return variances, min(prior + own, found.freedom)


def _first_differs(table: Array) -> bool:
    """Whether the cells compare otherwise in the first block than in the later ones, by an F-test.

    A session that is still warming up shows this; a constant offset of the block does not.
    """
    blocks, cells = table.shape
    if blocks < FEWEST_BLOCKS:
        return False
    from scipy.special import fdtrc

    within = table - table.mean(axis=1, keepdims=True)
    shape = within[1:].mean(axis=0)
    squares = ((within - shape) ** 2).sum(axis=1)
    of_rest = float(squares[1:].sum())
    if not of_rest:
        return False
    freedom = cells - 1
    of_first = float(squares[0]) * (1 - 1 / blocks)
    ratio = of_first / of_rest * (blocks - 2)
    chance = fdtrc(freedom, freedom * (blocks - 2), ratio)
    return bool(chance < WARM_UP_LEVEL)


def _moderated(residuals: Array, freedom: float) -> tuple[Array, float]:
    """Return each cell's error variance, shrunk towards their common one, with its freedom."""
    cells = residuals.shape[1]
    of_cell = freedom / cells
    variances = _variances(residuals, freedom)
    if not variances.all():
        return variances, freedom  # identical rounds: nothing to take logarithms of
    moderated, prior = shrunk(variances, np.full(cells, of_cell))
    return moderated, min(prior + of_cell, freedom)


def _variances(residuals: Array, freedom: float) -> Array:
    """Return each cell's own error variance, with its part of the design's freedom."""
    variances: Array = (residuals**2).sum(axis=0) / (freedom / residuals.shape[1])
    return variances
