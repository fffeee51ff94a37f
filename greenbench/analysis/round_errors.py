"""The errors of rounds: how those of stages, of neighbours and of shared values go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.shrinkage import Array, shrunk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.origins import Origins
    from greenbench.analysis.regression import LeastSquares, RoundPlace

LEAST_SEEN = 1e-9
LEAST_SHARE = 0.05
"""Of a covariance between columns: one of which residuals show less is taken to be 0."""
FEWEST = 2


class ErrorVariance(NamedTuple):
    """What the errors of rounds add to contrasts."""

    covariance: Array
    """Of each two."""
    parts: Mapping[str, Array]
    """Variance of each, from errors that each round has alone, and from each shared column."""


class RoundErrors:
    """The errors that residuals show."""

    def __init__(
        self,
        residuals: Array,
        fits: Sequence[LeastSquares],
        places: Sequence[RoundPlace],
        origins: Origins,
        correlation: float,
    ) -> None:
        """Estimate them; ``correlation`` is that of neighbouring rounds."""
        self._origins = origins
        self._between = _between_rounds(places, correlation)
        self._independent = not correlation
        freedom = fits[0].freedom
        # Residuals of correlated errors vary by less than the errors do
        unexplained = [fit.unexplained for fit in fits]
        seen = origins.seen(unexplained, self._between)
        self._covariance = _covariance(residuals, seen, freedom)
        self._root = _square_root(self._covariance)
        shared = np.array(origins.shared)
        shown = residuals if shared.all() else residuals[:, ~shared]
        self._scales, own = _scales(shown, places, freedom)
        self.freedoms = {"errors": own}
        """Degrees of freedom of each part."""
        self._shared = np.flatnonzero(shared).tolist()
        for column in self._shared:
            of_column = origins.freedom(column, unexplained[column])
            self.freedoms[_part(column)] = of_column

    def variance(self, moved: Array) -> ErrorVariance:
        """Return the variance of contrasts; a value moves each by ``moved``.

        ``moved`` is by contrast, round and column.
        """
        moved = self._origins.gathered(moved)
        parts = {}
        for column in self._shared:
            squares = (moved[:, :, column] ** 2).sum(axis=1)
            parts[_part(column)] = squares * self._covariance[column, column]
        moved = moved @ self._root
        moved *= self._scales[:, None]
        count = len(moved)
        correlated = moved if self._independent else self._between @ moved
        covariance = moved.reshape(count, -1) @ correlated.reshape(count, -1).T
        parts["errors"] = np.diag(covariance) - sum(parts.values())
        return ErrorVariance(covariance, parts)


def _part(column: int) -> str:
    return f"shared {column}"


def _between_rounds(places: Sequence[RoundPlace], correlation: float) -> Array:
    """Return the correlation of each two rounds' errors, by a first-order autoregression."""
    if not correlation:
        return np.eye(len(places))
    sessions = np.array([place.session for place in places])
    positions = np.array([place.position for place in places], dtype=float)
    apart = np.abs(positions[:, None] - positions[None, :])
    same = sessions[:, None] == sessions[None, :]
    errors: Array = np.where(same, correlation**apart, 0.0)
    np.fill_diagonal(errors, 1.0)
    return errors


def _covariance(residuals: Array, seen: Array, freedom: float) -> Array:
    """Return the errors' covariance between columns, from the share of it that residuals show."""
    covariance = residuals.T @ residuals / np.maximum(seen, LEAST_SEEN * freedom)
    own = np.maximum(np.diag(seen), 0.0)
    covariance[seen < LEAST_SHARE * np.sqrt(np.outer(own, own))] = 0.0
    deviations = np.sqrt(np.diag(covariance))
    most = np.outer(deviations, deviations)
    limited: Array = np.clip(covariance, -most, most)
    return limited


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
