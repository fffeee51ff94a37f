"""The uncertainty of cells' means by all rounds of a session together, whatever noise they have.

Few rounds of one cell show neither how much they vary nor how long a state of the machine lasts.
All cells of a session do. A round's deviation from its cell's mean, relative to that mean, is

    trend x position + state(position) + error

where states are an autoregression of first order in the places of rounds, and errors independent.
How far the correlation of states reaches and which share of the variance they have is not known
well either. So the interval is a mixture over both, each combination weighted by its restricted
likelihood (Patterson and Thompson, Biometrika 58, 1971; integrated likelihood: Berger, De Oliveira
and Sanso, Journal of the American Statistical Association 96, 2001) and by a prior that gives
independent rounds the weight ``INDEPENDENT``. The trend's mean is part of what is measured: the
mean over the time of the session.

The variance is pooled over the cells: that of one cell's few rounds is too small wherever these
happen to lack the outliers of its noise. A cell that varies more than the others counts with its
own (``stats.shrinkage``).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.shrinkage import Array, shrunk
from greenbench.stats.student import LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEWEST = 10
"""Degrees of freedom of all rounds together below which nothing is concluded from them."""
LARGEST = 400
"""Rounds, the first ones, by which the noise is judged: more change little and take long."""
REACHES = (0.3, 0.6, 0.8, 0.9, 0.95, 0.98)
"""Correlations of the states of two successive rounds that are tried."""
SHARES = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
"""Shares of the states in the variance that are tried, beside none."""
INDEPENDENT = 0.5
"""Prior weight of independent rounds; all combinations of reach and share have the rest alike."""
SMALLEST = 1e-3
"""Smallest variance of a cell beside the pooled one: equal readings of a counter are no proof."""
NEGLIGIBLE = 1e-5
"""Weight of a combination that is left out."""
HALVINGS = 24
"""Of the interval in which the quantile of a mixture is sought."""


@dataclass(frozen=True, slots=True)
class SeriesOfRounds:
    """What one cell's rounds (two at least) read, and when they ran."""

    values: tuple[float, ...]
    positions: tuple[int, ...]
    """Their places in the order of all rounds of the session."""
    scale: float
    """What deviations are relative to, above 0: the cell's mean."""


class Spread(NamedTuple):
    """What rounds leave uncertain in their mean."""

    standard: float
    """Standard uncertainty of the mean."""
    freedom: float
    """Degrees of freedom of ``standard``."""


def spreads(cells: Sequence[SeriesOfRounds]) -> list[Spread] | None:
    """Return the spread of each cell's mean; None if all rounds together are too few to tell."""
    if not cells:
        return None
    layout = _layout(tuple(series.positions for series in cells))
    if layout.freedom < FEWEST:
        return None
    deviations = [(np.array(s.values) - np.mean(s.values)) / s.scale for s in cells]
    counts = np.array([len(series.values) for series in cells])
    own = np.array([(part**2).sum() for part in deviations]) / (counts - 1)
    if not own.any():
        return [Spread(0.0, layout.freedom) for _ in cells]
    factors, freedoms = _of_cells(own, counts - 1.0, layout.freedom)
    weights, variances = _mixture(layout, np.concatenate(deviations), counts)
    standards = np.sqrt(variances * factors)
    widths = _quantiles(weights, standards, freedoms)
    scales = np.array([series.scale for series in cells])
    results = []
    for standard, freedom in zip(widths * scales, freedoms, strict=True):
        results.append(Spread(float(standard), float(freedom)))
    return results


def _of_cells(own: Array, freedoms: Array, pooled: float) -> tuple[Array, Array]:
    """Return by what factor each cell's variance exceeds the pooled one, and its freedom."""
    common = float(np.average(own, weights=freedoms))
    none = np.ones(len(own)), np.full(len(own), pooled)
    if len(own) == 1:
        return none
    moderated, prior = shrunk(np.maximum(own, SMALLEST * common), freedoms)
    factors = np.maximum(1.0, moderated / common)
    of_moderated = np.minimum(prior + freedoms, pooled)
    return factors, np.where(factors > 1, of_moderated, pooled)


def _mixture(layout: _SessionLayout, deviations: Array, counts: Array) -> tuple[Array, Array]:
    """Return the weight of each combination tried, and what it says of each mean's variance."""
    shares = np.concatenate([[0.0], np.tile(SHARES, len(REACHES))])
    prior = np.full(len(shares), (1 - INDEPENDENT) / (len(shares) - 1))
    prior[0] = INDEPENDENT
    used = deviations[layout.used]
    logarithms, squares, alike = [], [], []
    for reach, part in zip((0.0, *REACHES), layout.parts, strict=True):
        for share in SHARES if reach else (0.0,):
            expected = 1 - share + share * part.eigenvalues
            weighted = float(((part.basis @ used) ** 2 / expected).sum())
            squares.append(weighted / layout.freedom)
            logarithms.append(-0.5 * float(np.log(expected).sum()))
            alike.append(part.alike)
    likelihood = np.array(logarithms) - 0.5 * layout.freedom * np.log(squares) + np.log(prior)
    weights = np.exp(likelihood - likelihood.max())
    of_mean = (1 - shares)[:, None] / counts + shares[:, None] * np.array(alike)
    variances = np.array(squares)[:, None] * of_mean
    likely = weights > NEGLIGIBLE * weights.sum()
    return weights[likely] / weights[likely].sum(), variances[likely]


def _quantiles(weights: Array, standards: Array, freedoms: Array) -> Array:
    """Return each cell's half-width of the mixture of t distributions, by Student's t's own."""
    from scipy.special import stdtr, stdtrit

    factors = stdtrit(freedoms, (1 + LEVEL) / 2)
    low, high = standards.min(axis=0), standards.max(axis=0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = weights @ (2 * stdtr(freedoms, factors * middle / standards) - 1)
        low = np.where(inside < LEVEL, middle, low)
        high = np.where(inside < LEVEL, high, middle)
    widths: Array = high
    return widths


class _StatesOfReach(NamedTuple):
    """What one reach of the correlation means for a layout."""

    eigenvalues: Array
    """Variances that states have in the directions of ``basis``."""
    basis: Array
    """Directions of the deviations that neither means nor the trend explain."""
    alike: Array
    """The mean correlation of two rounds of a cell, each with itself too: the variance that states
    of variance 1 leave in the cell's mean."""


class _SessionLayout(NamedTuple):
    """The places of all rounds, cell after cell."""

    used: NDArray[np.intp]
    """Which rounds the noise is judged by."""
    freedom: float
    parts: tuple[_StatesOfReach, ...]
    """For no correlation, and for each of ``REACHES``."""


@functools.lru_cache(maxsize=8)
def _layout(places: tuple[tuple[int, ...], ...]) -> _SessionLayout:
    positions = np.concatenate([np.array(of_cell, dtype=float) for of_cell in places])
    labels = np.repeat(np.arange(len(places)), [len(of_cell) for of_cell in places])
    used = np.sort(np.argsort(positions, kind="stable")[:LARGEST])
    times, present = positions[used], np.unique(labels[used])
    members = (labels[used][:, None] == present[None, :]).astype(float)
    model = np.column_stack([members, times - times.mean()])
    whole, _ = np.linalg.qr(model, mode="complete")
    free = whole[:, model.shape[1] :]
    freedom = float(free.shape[1])
    distances = np.abs(times[:, None] - times[None, :])
    parts = []
    for reach in (0.0, *REACHES):
        eigenvalues, turned = np.linalg.eigh(free.T @ reach**distances @ free)
        alike = np.array([_alike(np.array(of_cell), reach) for of_cell in places])
        parts.append(_StatesOfReach(np.maximum(eigenvalues, 1e-9), (free @ turned).T, alike))
    return _SessionLayout(used, freedom, tuple(parts))


def _alike(positions: Array, reach: float) -> float:
    distances = np.abs(positions[:, None] - positions[None, :])
    return float((reach ** distances.astype(float)).mean())
