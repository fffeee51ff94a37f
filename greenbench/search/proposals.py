"""Which points to measure next: where the surface foresees most, and one that Optuna asks for.

The surface adds up what single knobs and pairs do; Optuna's sampler (tree-structured Parzen
estimator: Bergstra et al., Advances in Neural Information Processing Systems 24, 2011; Akiba et
al., KDD 2019) knows nothing of that form, and so finds what the surface cannot express. Neither
repeats a point, and neither is asked whether a difference is real: that is the race's business.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from greenbench.search import surface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import optuna

    from greenbench.search.racing import PointStanding
    from greenbench.search.space import Point, Space
    from greenbench.stats.shrinkage import Array

MOST_POINTS = 20_000
"""Points that are looked at one by one; of a larger space so many are drawn."""
NOISE = 0.03
"""Standard error of a single ratio that a surface assumes while nothing else is known."""
FARTHEST = 3.0
"""Times the allowed loss of score beyond which a loss counts no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What proposals know: all points so far, and what is asked of the score."""

    space: Space
    standings: Sequence[PointStanding]
    allowed: float
    """The margin of V0's own score: how much may be lost."""
    seed: int
    refused: Callable[[Point], str]
    """Says why a point cannot be measured; empty if it can."""
    noise: float = NOISE
    """Standard error of a ratio that was measured once."""

    @property
    def known(self) -> list[PointStanding]:
        """The points that were measured, with what they take and a score."""
        found = []
        for one in self.standings:
            if one.margin is not None and math.isfinite(one.effect):
                found.append(one)
        return found


class Proposer(Protocol):
    """Names points to measure."""

    def propose(self, told: Told, count: int, usable: Callable[[Point], bool]) -> list[Point]:
        """Return at most ``count`` usable points that were not measured, the best first."""
        ...


class SurfaceProposer:
    """Proposes by expected improvement at points that likely keep the score.

    Jones, Schonlau and Welch, Journal of Global Optimization 13, 1998; with the probability of
    keeping a constraint: Gardner et al., ICML 2014. Several points are chosen at once as if those
    chosen before had turned out as foreseen (Ginsbourger, Le Riche and Carraro, 2010).
    """

    def propose(self, told: Told, count: int, usable: Callable[[Point], bool]) -> list[Point]:
        """Return the points whose improvement is expected to be largest."""
        candidates = _candidates(told, usable)
        chosen: list[Point] = []
        imagined: list[tuple[Point, float, float]] = []
        while candidates and len(chosen) < count:
            effects, margins = _surfaces(told, imagined)
            taken, kept = effects.at(candidates), margins.at(candidates)
            gains = _improvement(taken, _best(told)) * _likely_kept(kept)
            place = _first_possible(told, candidates, gains)
            if place is None:
                break
            point = candidates.pop(place)
            chosen.append(point)
            imagined.append((point, float(taken.mean[place]), float(kept.mean[place])))
        return chosen


class OptunaProposer:
    """Proposes what Optuna's sampler asks for; the study is made anew of what was measured."""

    def propose(self, told: Told, count: int, usable: Callable[[Point], bool]) -> list[Point]:
        """Return the first usable points that the sampler asks for, which may be fewer."""
        study = _study(told)
        measured = _measured(told)
        chosen: list[Point] = []
        for _ in range(20 * count):
            if len(chosen) == count:
                break
            trial = study.ask(_distributions(told.space))
            point = tuple(trial.params[axis.knob] for axis in told.space.axes)
            known = point in measured or point in chosen
            if not known and usable(point) and not told.refused(point):
                chosen.append(point)
        return chosen


class RandomProposer:
    """Draws points, all alike: what other proposals are held against."""

    def propose(self, told: Told, count: int, usable: Callable[[Point], bool]) -> list[Point]:
        """Return usable points in random order."""
        candidates = _candidates(told, usable)
        order = np.random.default_rng([told.seed, len(told.standings)]).permutation(len(candidates))
        chosen: list[Point] = []
        for place in order.tolist():
            if len(chosen) == count:
                break
            if not told.refused(candidates[place]):
                chosen.append(candidates[place])
        return chosen


@dataclass(frozen=True, slots=True)
class Together:
    """Takes most points from the first proposer and one from the second, if there are several."""

    first: Proposer
    second: Proposer

    def propose(self, told: Told, count: int, usable: Callable[[Point], bool]) -> list[Point]:
        """Return the points of both, each once."""
        of_second = self.second.propose(told, 1, usable) if count > 1 else []
        of_first = self.first.propose(told, count, usable)
        chosen = of_first[: count - len(of_second)]
        for point in (*of_second, *of_first):
            if point not in chosen and len(chosen) < count:
                chosen.append(point)
        return chosen


def _measured(told: Told) -> set[Point]:
    """Return V0, which runs in each block, and the points that were measured."""
    measured = {told.space.baseline}
    for one in told.standings:
        measured.add(one.point)
    return measured


def _candidates(told: Told, usable: Callable[[Point], bool]) -> list[Point]:
    measured = _measured(told)
    every = _every(told.space, told.seed)
    return [point for point in every if point not in measured and usable(point)]


def _every(space: Space, seed: int) -> Iterable[Point]:
    if space.size <= MOST_POINTS:
        return space.every()
    generator = np.random.default_rng(seed)
    return dict.fromkeys(space.random(generator) for _ in range(MOST_POINTS))


def _surfaces(
    told: Told, imagined: Sequence[tuple[Point, float, float]]
) -> tuple[surface.Surface, surface.Surface]:
    """Return the surfaces of what points take, and of their scores."""
    points, values, losses, errors, doubts = [], [], [], [], []
    for one in told.known:
        points.append(one.point)
        values.append(one.effect)
        losses.append(_loss(one, told.allowed))
        errors.append(told.noise / math.sqrt(one.rounds))
        doubts.append(_doubt(one, told.allowed))
    for point, value, loss in imagined:
        points.append(point)
        values.append(value)
        losses.append(loss)
        errors.append(told.noise)
        doubts.append(0.1)
    taken = surface.fit(told.space, points, values, errors)
    kept = surface.fit(told.space, points, losses, doubts)
    return taken, kept


def _loss(one: PointStanding, allowed: float) -> float:
    """Return the loss of score as a part of the allowed one, at most ``FARTHEST``; V0's is 0."""
    lost = (allowed - (one.margin or 0.0)) / allowed
    return min(FARTHEST, max(-FARTHEST, lost))


def _doubt(one: PointStanding, allowed: float) -> float:
    """Return its standard error."""
    if one.margin is None or one.margin_low is None:
        return 0.5
    return max(0.05, (one.margin - one.margin_low) / 2 / allowed)


def _best(told: Told) -> float:
    """Return what the best point so far takes; V0 takes 0."""
    open_ones = [one.effect for one in told.known if not one.out and one.seems_kept]
    return min([0.0, *open_ones])


def _improvement(taken: surface.Foreseen, best: float) -> Array:
    """Return by how much less each point is expected to take than the best."""
    from scipy.special import ndtr

    ahead = (best - taken.mean) / taken.deviation
    density = np.exp(-0.5 * ahead**2) / math.sqrt(2 * math.pi)
    improvement: Array = taken.deviation * (ahead * ndtr(ahead) + density)
    return improvement


def _likely_kept(lost: surface.Foreseen) -> Array:
    """Return how probable it is that each point loses less than it may."""
    from scipy.special import ndtr

    probability: Array = ndtr((1 - lost.mean) / lost.deviation)
    return probability


def _first_possible(told: Told, candidates: Sequence[Point], gains: Array) -> int | None:
    """Return the place of the best candidate that can be measured."""
    for place in np.argsort(-gains, kind="stable").tolist():
        if not told.refused(candidates[place]):
            return int(place)
    return None


def _study(told: Told) -> optuna.Study:
    """Return a study that knows all points that were measured."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=told.seed + len(told.standings), multivariate=True, n_startup_trials=1
        )
    study = optuna.create_study(sampler=sampler)
    distributions = _distributions(told.space)
    for one in told.known:
        names = [axis.knob for axis in told.space.axes]
        lost = max(0.0, -(one.margin or 0.0)) / told.allowed
        trial = optuna.trial.create_trial(
            params=dict(zip(names, one.point, strict=True)),
            distributions=distributions,
            value=one.effect + lost,  # what loses the score is as bad as what takes much more
        )
        study.add_trial(trial)
    return study


def _distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return the levels of each knob, by their numbers."""
    import optuna

    distributions: dict[str, optuna.distributions.BaseDistribution] = {}
    for axis in space.axes:
        count = len(axis.levels)
        if axis.ordered:
            distributions[axis.knob] = optuna.distributions.IntDistribution(0, count - 1)
        else:
            numbers = range(count)
            distributions[axis.knob] = optuna.distributions.CategoricalDistribution(tuple(numbers))
    return distributions
