"""Means of cells by stage from rounds in blocks: one linear model, least squares.

    log(value) = block + cell + trend * position + error

for each stage at once: the errors of a round's stages are correlated, as all stages of a round ran
on one state of the machine, so the errors' covariance between stages is estimated too. Cells may
lack blocks, and blocks may be of several sessions. This is the two-way model of Jain (The Art of
Computer Systems Performance Analysis, 1991, ch. 21) and the levels of Kalibera and Jones (Rigorous
Benchmarking in Reasonable Time, 2013), a round within a block.

What is asked of it are contrasts: weighted sums of the cells' means over cells and stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.block_design import TREND_FREEDOM
from greenbench.stats.blocks import compare_in_blocks
from greenbench.stats.shrinkage import Array, shrunk
from greenbench.stats.student import effective_freedom

if TYPE_CHECKING:
    from collections.abc import Sequence


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


LEAST_SEEN = 1e-9
NEGLIGIBLE = 1e-12
"""A standard uncertainty below it is rounding."""
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Contrasts:
    """The uncertainty of several contrasts at once."""

    standard: Array
    """Standard uncertainty of each."""
    freedom: Array
    """Degrees of freedom of each."""
    correlation: Array
    """Between each two."""


class BlockModel:
    """The fitted model of rounds of several cells and stages."""

    def __init__(self, values: Array, places: Sequence[RoundPlace]) -> None:
        """Fit ``values``, a row a round and a column a stage, logarithms for ratios.

        Every cell has a round, and rounds of cells that share blocks connect all of them.
        """
        course = _course(values, places)
        kept = []
        for row, place in enumerate(places):
            if place.in_session not in course.warm_up:
                kept.append(row)
        self.places = [places[row] for row in kept]
        self.without_first = bool(course.warm_up)
        self.correlation = course.correlation
        values = values[kept]
        cells = max(place.cell for place in self.places) + 1
        design = _design(self.places, cells)
        solve = np.asarray(np.linalg.pinv(design), dtype=np.float64)
        coefficients = solve @ values
        residuals = values - design @ coefficients
        self.means: Array = coefficients[:cells]
        """The mean of each cell (row) in each stage (column), over the blocks."""
        rank = int(np.linalg.matrix_rank(design))
        self.freedom = max(1, len(values) - rank)
        self._weights: Array = solve[:cells]
        self._blocks = _block_effects(coefficients[cells:], self.places)
        self._errors = self._correlations()
        # Residuals of correlated errors vary by less than the errors do
        unexplained = np.eye(len(values)) - design @ solve
        seen = float((unexplained * self._errors).sum()) / self.freedom
        covariance = residuals.T @ residuals
        self._root = _square_root(covariance / self.freedom / max(seen, LEAST_SEEN))
        self._scales, self._error_freedom = _scales(residuals, self.places, self.freedom)

    @property
    def blocks(self) -> int:
        """Blocks that were used."""
        return len(self._blocks)

    def contrasts(self, weights: Array, further: Array | None = None) -> Contrasts:
        """Return the uncertainty of contrasts: ``weights`` by contrast, cell and stage.

        ``further`` is a covariance of the contrasts that rounds do not show, known exactly.
        """
        # By contrast, round and stage: what a unit of independent error moves the contrast by
        moved = self._weights.T @ weights @ self._root
        moved *= self._scales[:, None]
        count = len(weights)
        correlated = (self._errors @ moved).reshape(count, -1)
        within = moved.reshape(count, -1) @ correlated.T
        # A state of the machine that strikes stages unequally does not cancel within a block
        by_block = self._blocks @ weights.sum(axis=1).T
        between = np.atleast_2d(np.cov(by_block, rowvar=False)) / self.blocks
        known = np.zeros_like(within) if further is None else further
        variances = within + between + known
        standard = np.sqrt(np.maximum(np.diag(variances), 0.0))
        standard[standard < NEGLIGIBLE] = 0.0
        diagonals = [np.diag(part) for part in (within, between, known)]
        of_parts = {"errors": self._error_freedom, "states": self.blocks - 1}
        freedom = []
        for errors, states, others in np.sqrt(np.maximum(diagonals, 0.0)).T:
            parts = {"errors": errors, "states": states, "others": others}
            freedom.append(effective_freedom(parts, of_parts))
        scale = np.where(standard > 0, standard, 1.0)
        correlation = variances / scale[:, None] / scale[None, :]
        np.fill_diagonal(correlation, 1.0)
        return Contrasts(standard, np.array(freedom), np.clip(correlation, -1.0, 1.0))

    def _correlations(self) -> Array:
        """Return the correlation of each two rounds' errors, by a first-order autoregression."""
        sessions = np.array([place.session for place in self.places])
        positions = np.array([place.position for place in self.places], dtype=float)
        if not self.correlation:
            return np.eye(len(positions))
        apart = np.abs(positions[:, None] - positions[None, :])
        same = sessions[:, None] == sessions[None, :]
        errors: Array = np.where(same, self.correlation**apart, 0.0)
        np.fill_diagonal(errors, 1.0)
        return errors


class _Course(NamedTuple):
    """What the machine did meanwhile."""

    warm_up: set[tuple[int, int]]
    """Sessions and blocks that do not fit the later ones."""
    correlation: float
    """Of the errors of neighbouring rounds."""


def _course(values: Array, places: Sequence[RoundPlace]) -> _Course:
    """Look for a warm-up and for correlated errors in the whole rounds of each session."""
    whole = values.mean(axis=1)
    course = _Course(set(), 0.0)
    for session in {place.session for place in places}:
        blocks = _complete_blocks(session, places)
        rows = [[number for _, number in sorted(row.items())] for row in blocks.values()]
        if len(rows) < FEWEST or len(rows[0]) < FEWEST:
            continue  # one block shows nothing, and one cell neither
        order = [[places[number].position for number in row] for row in rows]
        table = [whole[row].tolist() for row in rows]
        compared = compare_in_blocks(table, order, 0)
        if compared.without_first:
            course.warm_up.add((session, min(blocks)))
        largest = max(course.correlation, compared.correlation)
        course = course._replace(correlation=largest)
    return course


def _complete_blocks(session: int, places: Sequence[RoundPlace]) -> dict[int, dict[int, int]]:
    """Return the rounds of a session by block, then cell, of the blocks that have most cells."""
    blocks: dict[int, dict[int, int]] = {}
    for number, place in enumerate(places):
        if place.session == session:
            blocks.setdefault(place.block, {})[place.cell] = number
    most = max(map(len, blocks.values()))
    complete = {}
    for block, row in sorted(blocks.items()):
        if len(row) == most:
            complete[block] = row
    return complete


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


def _block_effects(coefficients: Array, places: Sequence[RoundPlace]) -> Array:
    """Return what each block adds, a row a block and a column a stage."""
    free = coefficients[: len({place.in_session for place in places}) - 1]
    effects: Array = np.vstack([free, -free.sum(axis=0, keepdims=True)])
    return effects


def _square_root(covariance: Array) -> Array:
    """Return the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _scales(residuals: Array, places: Sequence[RoundPlace], freedom: float) -> tuple[Array, float]:
    """Return how much wider each round errs than all on average, by its cell, with freedom.

    The variance of a cell, averaged over stages, is shrunk towards the common one.
    """
    spread = residuals.std(axis=0)
    standardised = residuals / np.where(spread > 0, spread, 1.0)
    cells = np.array([place.cell for place in places])
    squares = (standardised**2).mean(axis=1)
    variances = np.bincount(cells, squares) / np.bincount(cells)
    count = len(variances)
    if count <= FEWEST or not variances.all():  # too few to say how they differ
        return np.ones(len(places)), freedom
    own = freedom / count
    moderated, prior = shrunk(variances, np.full(count, own))
    relative = np.sqrt(moderated / moderated.mean())
    scales: Array = relative[cells]
    return scales, min(prior + own, freedom)
