"""Rounds that were off: a neighbour, a scan or a throttle took them far from what they show else.

Least squares lets one such round in five hide every change. So the errors of a block design are
held against a mixture of two normal distributions: that of most rounds around 0, and a wider one
elsewhere for those that were off (the contaminated normal of Tukey 1960; Aitkin and Wilson,
Technometrics 22, 1980). It is fitted by the EM algorithm from residuals of a median polish (Tukey,
Exploratory Data Analysis 1977). Each round then counts by its probability not to be off, less what
the doubt about it costs (Louis, Journal of the Royal Statistical Society B 44, 1982).

The mixture is used only where it explains the rounds far better than normal errors do, whether
these are equal or differ from cell to cell, and where no more off rounds follow one another than by
chance: else a state of the machine lasts, and what it did to a cell is not known from the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.block_design import BlockDesign, WeightedFit, weighted_fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from greenbench.stats.shrinkage import Array

EVIDENCE = 6.0
"""By how much its log-likelihood exceeds that of normal errors: the rounds are 400 times as likely.

A residual counts for the degrees of freedom that it has: in a design of few cells not many."""
FEWEST_CELLS = 3
"""Of two cells nothing tells which one was off."""
FAR = 4.0
"""Robust standard deviations of the residuals without any beyond which no round is off."""
SHARES = (0.04, 0.1, 0.17, 0.25, 0.33)
"""Shares of rounds that are taken for off at first; the likeliest fit is kept."""
STEPS = 40
"""The most steps of the EM algorithm from each of them."""
SETTLED = 1e-3
"""Change of a probability below which it has converged."""
HALF = 0.5
LEAST_EXPECTED = 0.3
"""Variance of the number of pairs in a row, at least."""
FEWEST_OFF = 3
"""Rounds from which on they show how widely they scatter."""
PARAMETERS = 3
"""Of the rounds that are off: share, place and width. Each takes one degree of freedom."""
LEAST_FREEDOM = 4
NORMAL_SCALE = 1.4826
"""Standard deviation of a normal distribution by its median absolute deviation."""
MOST_PLACES = 200
"""Effects that are tried: so many rounds leave no doubt anyway."""
FAR_EFFECT = 5.0
"""Standard uncertainties beyond which an effect is another one."""


class Mixture(NamedTuple):
    """The distribution of errors."""

    variance: float
    """Of a round that is not off."""
    share: float
    """Of rounds that are off."""
    place: float
    """Mean error of these."""
    width: float
    """Variance of their errors."""

    def usual(self, errors: Array) -> Array:
        """Return the log-density of errors of rounds that are not off."""
        return _log_normal(errors, self.variance) + math.log1p(-self.share)

    def off(self, errors: Array) -> Array:
        """Return the log-density of errors of rounds that are off."""
        return _log_normal(errors - self.place, self.width) + math.log(self.share)

    def both(self, errors: Array) -> Array:
        """Return the log-density of errors."""
        return np.logaddexp(self.usual(errors), self.off(errors))

    def normal(self, errors: Array) -> Array:
        """Return the probabilities that rounds of such errors are not off."""
        result: Array = np.exp(self.usual(errors) - self.both(errors))
        return result


@dataclass(frozen=True, slots=True)
class OffRounds:
    """Which rounds were off, and what the others show."""

    fit: WeightedFit
    mixture: Mixture
    parameters: int
    """Of the whole model; each takes one degree of freedom."""

    @property
    def normal(self) -> Array:
        """Each round's probability not to be off."""
        return self.mixture.normal(self.fit.residuals)

    @property
    def count(self) -> int:
        """How many rounds were rather off."""
        return int(np.count_nonzero(self.normal < HALF))

    @property
    def likelihood(self) -> float:
        """Its logarithm, without the constant that normal errors have too."""
        return float(self.mixture.both(self.fit.residuals).sum())

    @property
    def informative(self) -> Array:
        """What each round tells of the effects, beside one that is surely not off."""
        normal = self.normal
        unsure = normal * (1 - normal)
        squares = self.fit.residuals**2 / self.mixture.variance
        return np.maximum(normal - unsure * squares, 0.0)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance."""
        return float(self.informative.sum()) - self.parameters

    def doubts(self) -> Array:
        """Return each cell's probability that other rounds of it are off than it seems.

        Three of five may be, and even all of three. The effect is then elsewhere: where one of the
        rounds says, or further by ``place``; these places are tried, with flat prior weights.
        """
        residuals = self.fit.residuals
        columns = residuals.shape[1]
        further = residuals - self.mixture.place
        means = further.mean(axis=0, keepdims=True)
        places = np.concatenate([means, residuals, further])
        step = max(1, len(places) // MOST_PLACES)
        places = places[::step]
        here, near = self._integrated(np.zeros((1, columns)))
        there, _ = self._integrated(places)
        odds = np.exp(np.minimum(there - here, 0.0))
        odds[np.abs(places) < FAR_EFFECT * near] = 0.0
        elsewhere = odds.sum(axis=0)
        doubts: Array = elsewhere / (1 + elsewhere)
        return doubts

    def _integrated(self, places: Array) -> tuple[Array, Array]:
        """Return the log-likelihood of effects near ``places``, integrated, and how near."""
        errors = self.fit.residuals[:, None] - places
        normal = self.mixture.normal(errors)
        told = normal / self.mixture.variance
        told += (1 - normal) / self.mixture.width
        near = told.sum(axis=0) ** -0.5
        densities = self.mixture.both(errors)
        return densities.sum(axis=0) + np.log(near), near


def find_off_rounds(design: BlockDesign, table: Array) -> OffRounds | None:
    """Return the rounds that were off; None if errors are normal, or nothing tells them apart."""
    polished = _median_polish(table)
    distances = np.abs(polished)
    scale = NORMAL_SCALE * float(np.median(distances))
    if design.cells < FEWEST_CELLS or distances.max() <= FAR * scale:
        return None
    best = None
    for share in SHARES:
        nearest = np.quantile(distances, 1 - share)
        usual = distances < nearest
        found = _expectation_maximisation(design, table, usual)
        if best is None or (found and found.likelihood > best.likelihood):
            best = found
    if best is None or best.freedom < LEAST_FREEDOM or _last(design, best):
        return None
    better = best.likelihood - _of_normal_errors(design, table)
    of_rounds = design.freedom / table.size
    return best if better * of_rounds > EVIDENCE else None


def _expectation_maximisation(
    design: BlockDesign, table: Array, usual: NDArray[np.bool_]
) -> OffRounds | None:
    """Fit the mixture from those rounds on that seem usual; None if one of its parts vanishes."""
    normal = usual.astype(float)
    parameters = design.blocks + design.cells - 1 + design.has_trend
    found = None
    for _ in range(STEPS):
        free = float(normal.sum()) - parameters
        if normal.sum() > table.size - HALF or free < LEAST_FREEDOM:
            return None
        fit = weighted_fit(design, table, normal)
        mixture = _likeliest(fit.residuals, normal, free)
        if mixture is None:
            return None
        found = OffRounds(fit, mixture, parameters + PARAMETERS)
        before, normal = normal, found.normal
        if np.abs(normal - before).max() < SETTLED:
            break
    return found


def _likeliest(residuals: Array, normal: Array, freedom: float) -> Mixture | None:
    """Return the mixture of rounds of these probabilities; None if their errors are all 0."""
    off = 1 - normal
    squares = (normal * residuals**2).sum()
    if not squares:
        return None
    variance = float(squares) / freedom
    place = float(np.average(residuals, weights=off))
    distances = residuals - place
    width = float(np.average(distances**2, weights=off))
    if off.sum() < FEWEST_OFF:
        width = max(width, place**2)
    share = min(float(off.mean()), HALF)
    return Mixture(variance, share, place, max(width, variance))


def _log_normal(errors: Array, variance: float | Array) -> Array:
    result: Array = -0.5 * (errors**2 / variance + np.log(variance))
    return result


def _median_polish(table: Array) -> Array:
    residuals = table.copy()
    for _ in range(4):
        residuals -= np.median(residuals, axis=1, keepdims=True)
        residuals -= np.median(residuals, axis=0, keepdims=True)
    return residuals


def _of_normal_errors(design: BlockDesign, table: Array) -> float:
    """Return the log-likelihood of normal errors: equal, or each cell's own, as fits better."""
    residuals = design.residuals(table)
    of_cell = design.freedom / design.cells
    own = (residuals**2).sum(axis=0) / of_cell
    equal = float(own.mean())
    own = own.clip(min=equal / 1e12)
    of_equal = _log_normal(residuals, equal).sum()
    of_own = _log_normal(residuals, own).sum()
    return float(max(of_equal, of_own))


def _last(design: BlockDesign, found: OffRounds) -> bool:
    """Whether more rounds that are off follow one another than by chance, by two deviations."""
    in_time = np.argsort(design.order, axis=None)
    off = found.normal.ravel()[in_time] < HALF
    count = found.count
    following = int(np.count_nonzero(off[1:] & off[:-1]))
    expected = count * (count - 1) / off.size
    variance = max(expected, LEAST_EXPECTED)
    return following > expected + 2 * math.sqrt(variance)
