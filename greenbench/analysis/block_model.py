"""Means of cells by stage from rounds in blocks: one linear model, least squares.

    log(value) = block + cell + trend * position + error

for each stage at once: the errors of a round's stages are correlated, as all stages of a round ran
on one state of the machine, so the errors' covariance between stages is estimated too. Cells may
lack blocks, and blocks may be of several sessions. A value that several rounds of a block share, as
a stage that was taken over, has one error in all of them. This is the two-way model of Jain (The
Art of Computer Systems Performance Analysis, 1991, ch. 21) and the levels of Kalibera and Jones
(Rigorous Benchmarking in Reasonable Time, 2013), a round within a block.

What is asked of it are contrasts: weighted sums of the cells' means over cells and stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis.origins import Origins
from greenbench.analysis.regression import LeastSquares
from greenbench.analysis.round_errors import RoundErrors
from greenbench.stats.blocks import compare_in_blocks
from greenbench.stats.student import effective_freedom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.regression import RoundPlace
    from greenbench.stats.shrinkage import Array


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

    def __init__(
        self,
        values: Array,
        places: Sequence[RoundPlace],
        origins: Origins | None = None,
        whole: Array | None = None,
        *,
        n_of: str = "block",
    ) -> None:
        """Fit ``values``, a row a round and a column a stage, logarithms for ratios.

        Every cell has a round, and rounds of cells that share blocks connect all of them.
        ``origins`` are of values that rounds of a block share. ``whole`` is of each round as a
        whole, the logarithm that verdicts are about: a block that they leave out as warm-up is left
        out here too. By default it is the mean of the stages that no rounds share. ``n_of`` is what
        a block stands for.
        """
        self.n_of = n_of
        origins = origins or Origins.own(*values.shape)
        own = ~np.array(origins.shared)
        if whole is None:
            whole = (values[:, own] if own.any() else values).mean(axis=1)
        course = _course(whole, places)
        kept = []
        for row, place in enumerate(places):
            if place.in_session not in course.warm_up:
                kept.append(row)
        self.places = [places[row] for row in kept]
        self.without_first = bool(course.warm_up)
        self.correlation = course.correlation
        values = values[kept]
        self._origins = origins.of(kept)
        fits = self._fits()
        columns = list(enumerate(fits))
        coefficients = np.column_stack([fit.solve @ values[:, at] for at, fit in columns])
        residuals = np.column_stack([fit.unexplained @ values[:, at] for at, fit in columns])
        self._weights = np.stack([fit.of_cells.T for fit in fits], axis=2)
        """By round, cell and stage: what a value adds to the mean of the cell."""
        cells = self._weights.shape[1]
        self.means: Array = coefficients[:cells]
        """The mean of each cell (row) in each stage (column), over the blocks."""
        self.freedom = fits[0].freedom
        self._blocks = _block_effects(coefficients[cells:], self.places)
        self._errors = RoundErrors(residuals, fits, self.places, self._origins, course.correlation)

    def _fits(self) -> list[LeastSquares]:
        """Return the fit of each column: a shared value has the place in time of its origin."""
        own = LeastSquares(self.places)
        fits = []
        for column, shared in enumerate(self._origins.shared):
            fits.append(LeastSquares(self._measured_at(column)) if shared else own)
        return fits

    def _measured_at(self, column: int) -> list[RoundPlace]:
        """Return the rounds' places, each with the position at which its value was measured."""
        measured = []
        for place, origin in zip(self.places, self._origins.rows[:, column].tolist(), strict=True):
            measured.append(place._replace(position=self.places[origin].position))
        return measured

    @property
    def blocks(self) -> int:
        """Blocks that were used."""
        return len(self._blocks)

    def contrasts(self, weights: Array, further: Array | None = None) -> Contrasts:
        """Return the uncertainty of contrasts: ``weights`` by contrast, cell and stage.

        ``further`` is a covariance of the contrasts that rounds do not show, known exactly.
        """
        # By contrast, round and stage: what a unit of independent error moves the contrast by
        moved = np.einsum("rcs,kcs->krs", self._weights, weights, optimize=True)
        errors = self._errors.variance(moved)
        # A state of the machine that strikes stages unequally does not cancel within a block
        by_block = self._blocks @ weights.sum(axis=1).T
        states = np.atleast_2d(np.cov(by_block, rowvar=False)) / self.blocks
        known = np.zeros_like(states) if further is None else further
        variances = errors.covariance + states + known
        standard = np.sqrt(np.maximum(np.diag(variances), 0.0))
        standard[standard < NEGLIGIBLE] = 0.0
        parts = {**errors.parts, "states": np.diag(states), "others": np.diag(known)}
        freedoms = {**self._errors.freedoms, "states": self.blocks - 1.0}
        scale = np.where(standard > 0, standard, 1.0)
        correlation = np.clip(variances / np.outer(scale, scale), -1.0, 1.0)
        np.fill_diagonal(correlation, 1.0)
        return Contrasts(standard, _freedom(parts, freedoms), correlation)


def _freedom(parts: Mapping[str, Array], freedoms: Mapping[str, float]) -> Array:
    """Return the degrees of freedom of contrasts whose variances have these parts."""
    standards = {}
    for name, variances in parts.items():
        standards[name] = np.sqrt(np.maximum(variances, 0.0))
    found = []
    for place in range(len(standards["errors"])):
        own = {name: float(of_part[place]) for name, of_part in standards.items()}
        found.append(effective_freedom(own, freedoms))
    return np.array(found)


class _Course(NamedTuple):
    """What the machine did meanwhile."""

    warm_up: set[tuple[int, int]]
    """Sessions and blocks that do not fit the later ones."""
    correlation: float
    """Of the errors of neighbouring rounds."""


def _course(whole: Array, places: Sequence[RoundPlace]) -> _Course:
    """Look for a warm-up and for correlated errors in the whole rounds of each session."""
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


def _block_effects(coefficients: Array, places: Sequence[RoundPlace]) -> Array:
    """Return what each block adds, a row a block and a column a stage."""
    free = coefficients[: len({place.in_session for place in places}) - 1]
    effects: Array = np.vstack([free, -free.sum(axis=0, keepdims=True)])
    return effects
