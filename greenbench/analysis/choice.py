"""What to choose: the front of joules against score, and the greenest variant that keeps V0's.

A score is kept only if the lower bound of its difference from V0's is: a wide interval keeps
nothing. How often a variant lies on the front is counted over a parametric bootstrap (Efron and
Tibshirani 1993, ch. 6.5): joules and scores drawn with their estimated covariances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis import nulls
from greenbench.analysis.additivity import ROUNDING
from greenbench.analysis.simultaneous import Bounded, bounded, drawn, together
from greenbench.analysis.tolerance import allowed_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.fits import ScoreFit, StageFit
    from greenbench.stats.shrinkage import Array

UNCHANGED = Bounded(0.0, 0.0, 0.0)
"""The change of a score that answers exactly as V0's were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A variant to choose; its intervals hold for all of them at once."""

    cell: str
    joules: float
    energy: Bounded
    """Relative to V0's."""
    score: float
    change: Bounded
    """Of the score, from V0's."""
    on_front: float
    """Share of the draws in which no other variant takes less and scores no worse, or the other
    way round."""
    excluded: str
    """Why it is not to be chosen; empty if it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to choose on a task."""

    score: str
    keep: float
    greenest: str
    """The cell that takes least of those that keep the score and are shown to save; else V0's."""
    rival: str
    """The one that takes least after it; empty if there is none."""
    lead: Bounded | None
    """The greenest one's joules over the rival's, whose interval is of these two alone."""
    candidates: tuple[Candidate, ...]
    """Least joules first, V0 among them."""
    blocks: int
    """That the ratios of joules are of."""
    without_first: bool
    """Whether a first block was left out of these as warm-up."""
    n_of: str = "block"
    """What they stand for: ``host`` where a run's hosts count, and not their blocks."""


class _Compared(NamedTuple):
    """Cells that joules and score are known of, V0 first, each beside V0."""

    cells: tuple[str, ...]
    energy: list[Bounded]
    changes: list[Bounded]
    on_front: list[float]


def choose(energy: StageFit, scores: ScoreFit, keep: float | None = None) -> Choice:
    """Choose among the cells whose joules and score are known."""
    if keep is None:
        keep = allowed_loss(scores.measure, float(scores.model.means[0, 0]))
    compared = _compared(energy, scores)
    candidates = []
    for place in range(len(compared.cells)):
        candidates.append(_candidate(place, compared, energy, scores, keep))
    candidates.sort(key=_joules)
    possible = [one.cell for one in candidates if not one.excluded]
    greenest = possible[0]
    rival, lead = "", None
    if len(possible) > 1:
        rival = possible[1]
        lead = _lead(energy, greenest, rival)
    return Choice(
        score=scores.measure,
        keep=keep,
        greenest=greenest,
        rival=rival,
        lead=lead,
        candidates=tuple(candidates),
        blocks=energy.model.blocks,
        n_of=energy.model.n_of,
        without_first=energy.model.without_first,
    )


def _candidate(
    place: int, compared: _Compared, energy: StageFit, scores: ScoreFit, keep: float
) -> Candidate:
    name = compared.cells[place]
    change, ratio = compared.changes[place], compared.energy[place]
    excluded = _lost(scores, change, keep)
    if not excluded and place:
        excluded = _no_saving(ratio)
    joules = np.exp(energy.model.means[energy.numbers[name]])
    score = scores.model.means[scores.numbers[name], 0]
    return Candidate(
        cell=name,
        joules=float(joules.sum()),
        energy=ratio,
        score=float(score),
        change=change,
        on_front=compared.on_front[place],
        excluded=excluded,
    )


def _joules(candidate: Candidate) -> float:
    return candidate.joules


def _lost(scores: ScoreFit, change: Bounded, keep: float) -> str:
    """Say that a score is worse by more than may be, or that it is not shown not to be."""
    gained = gain(change, higher_is_better=scores.higher_is_better)
    if gained.low >= -keep:
        return ""
    shown = "is shown to be" if gained.high < -keep else "may be"
    worse = "lower" if scores.higher_is_better else "higher"
    return f"its {scores.measure} {shown} {worse} than V0's by more than {keep:g}"


def gain(change: Bounded, *, higher_is_better: bool) -> Bounded:
    """Return by how much a score that changed is better."""
    if higher_is_better:
        return change
    return Bounded(-change.value, -change.high, -change.low)


def _no_saving(energy: Bounded) -> str:
    """Say that no saving is shown."""
    if energy.high < 1:
        return ""
    costs = "is shown to take more" if energy.low > 1 else "is not shown to save"
    return f"it {costs} energy"


def _compared(energy: StageFit, scores: ScoreFit) -> _Compared:
    base, *others = [name for name in energy.cells if name in scores.numbers]
    compared = _Compared((base, *others), [Bounded(1.0, 1.0, 1.0)], [UNCHANGED], [1.0])
    if not others:
        return compared
    logarithms, gradients = totals(energy, others)
    differences, weights = _differences(scores, others)
    of_energy = energy.model.contrasts(gradients)
    of_rows = scores.covariance(weights)
    of_scores = scores.model.contrasts(weights[:, :, None], of_rows)
    for logarithm in bounded(logarithms, of_energy):
        compared.energy.append(logarithm.as_ratio)
    for name, change in zip(others, bounded(differences, of_scores), strict=True):
        compared.changes.append(UNCHANGED if name in scores.same else change)
    joules = drawn(logarithms, of_energy, 1)
    sign = 1.0 if scores.higher_is_better else -1.0
    gains = sign * drawn(differences, of_scores, 2)
    gains[:, [name in scores.same for name in others]] = 0.0
    shares = front_shares(joules, gains)
    return compared._replace(on_front=shares)


def totals(fitted: StageFit, cells: Sequence[str]) -> tuple[list[float], Array]:
    """Return the logarithm of each total over V0's, and its gradient."""
    means = fitted.model.means
    base = nulls.observed(means, 0)
    values, gradients = [], []
    for name in cells:
        total = nulls.observed(means, fitted.numbers[name])
        values.append(total.value - base.value)
        gradients.append(total.gradient - base.gradient)
    return values, np.array(gradients)


def _differences(fitted: ScoreFit, cells: Sequence[str]) -> tuple[list[float], Array]:
    """Return each score minus V0's, and the weights of the cells in it."""
    weights = np.zeros((len(cells), len(fitted.cells)))
    weights[:, 0] = -1.0
    for row, name in enumerate(cells):
        weights[row, fitted.numbers[name]] += 1.0
    values = (weights @ fitted.model.means[:, 0]).round(ROUNDING)
    return values.tolist(), weights


def _lead(fitted: StageFit, cell: str, other: str) -> Bounded:
    means = fitted.model.means
    here = nulls.observed(means, fitted.numbers[cell])
    there = nulls.observed(means, fitted.numbers[other])
    value = here.value - there.value
    (lead,) = together(fitted.model, [value], [here.gradient - there.gradient])
    return lead.as_ratio


def front_shares(joules: Array, scores: Array) -> list[float]:
    """Return how often V0 and each other cell lie on the front; a row a draw, relative to V0."""
    origin = np.zeros((len(joules), 1))
    less = np.hstack([origin, joules])
    better = np.hstack([origin, scores])
    shares = []
    for cell in range(less.shape[1]):
        own_joules, own_score = less[:, [cell]], better[:, [cell]]
        as_good = (less <= own_joules) & (better >= own_score)
        stricter = (less < own_joules) | (better > own_score)
        beaten = (as_good & stricter).any(axis=1)
        shares.append(float(1 - beaten.mean()))
    return shares
