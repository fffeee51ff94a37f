"""Intervals by the bootstrap over test rows (Efron and Tibshirani 1993).

They are percentiles of the score on resampled rows. Rows that belong together, near-duplicates, are
drawn together (the cluster bootstrap; Davison and Hinkley 1997, ch. 3.8), so that copies do not
make a test split look larger than it is. The seed is fixed and the draws depend on the groups
alone: two models on the same rows see the same resamples, which makes a difference *paired*.

What an interval covers: which test rows happened to be drawn. What it does not: which training rows
and which seed; the spread over rounds is added for that (``greenbench.stats.over_seeds``). With
less than some 30 rows of a class percentiles are too narrow.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from greenbench.stats.classification_scores import Array

SEED, COUNT = 20_250_601, 2_000
LEVEL = 0.95
CELLS = 200_000
"""Weights held at a time, resamples times rows: 1.6 MB, which stays in a processor's cache."""
MOST_KEPT = 8_000_000
"""Weights of a split whose resamples are kept: 16 MB."""
FEWEST = 0.95
"""Share of the resamples that must define a score for it to have an interval."""


class Interval(NamedTuple):
    """Bounds of a 95 % interval; None where too few resamples define the score."""

    low: float | None
    high: float | None


class Answers(Protocol):
    """The answers of one model to the rows of a test split."""

    @property
    def groups(self) -> Array:
        """Which rows belong together, shape (rows,)."""

    def point(self) -> dict[str, float]:
        """Return each score on the rows as they are, NaN where undefined."""

    def scorer(self, names: Collection[str] = ()) -> Callable[[Array], dict[str, Array]]:
        """Return what scores weights of shape (resamples, rows): at least ``names``, or all."""


def point(answers: Answers) -> dict[str, float]:
    """Return each score on the rows as they are, NaN where undefined."""
    return answers.point()


def replicates(answers: Answers, *, count: int = COUNT, seed: int = SEED) -> dict[str, Array]:
    """Return each score on ``count`` resamples: name to an array of shape (count,)."""
    (drawn,) = replicates_of_each([answers], count=count, seed=seed)
    return drawn


def replicates_of_each(
    models: Sequence[Answers],
    names: Collection[str] = (),
    *,
    count: int = COUNT,
    seed: int = SEED,
) -> list[dict[str, Array]]:
    """Return the replicates of each of ``models``, at least of the scores ``names``, or all.

    Each resample is drawn once for all models that group their rows alike, as drawing takes longer
    than scoring; the numbers are those of ``replicates``.
    """
    alike: dict[bytes, list[int]] = {}
    for place, answers in enumerate(models):
        alike.setdefault(answers.groups.tobytes(), []).append(place)
    drawn: list[dict[str, Array]] = [{} for _ in models]
    for places in alike.values():
        scorers = [models[place].scorer(names) for place in places]
        resamples = _drawn(models[places[0]].groups, count, seed)
        for place, values in zip(places, _scored(scorers, resamples), strict=True):
            drawn[place] = values
    return drawn


def _scored(
    scorers: Sequence[Callable[[Array], dict[str, Array]]], resamples: Iterable[Array]
) -> list[dict[str, Array]]:
    """Return what each of ``scorers`` says of all ``resamples``, which come in blocks."""
    blocks: list[dict[str, list[Array]]] = [{} for _ in scorers]
    for weights in resamples:
        for scorer, own_blocks in zip(scorers, blocks, strict=True):
            for name, values in scorer(weights).items():
                own_blocks.setdefault(name, []).append(values)
    scored = []
    for own_blocks in blocks:
        scored.append({name: np.concatenate(values) for name, values in own_blocks.items()})
    return scored


def _drawn(groups: Array, count: int, seed: int) -> Iterator[Array]:
    """Yield how often each row is drawn, shape (some resamples, rows), for ``count`` resamples.

    Drawing takes longer than scoring, and many models answer one test split: the resamples of a
    small one are kept for the next model.
    """
    step = max(1, CELLS // len(groups))
    blocks: Iterable[Array] = _blocks(groups, count, seed, step)
    if count * len(groups) <= MOST_KEPT:
        blocks = _kept(groups.tobytes(), groups.dtype.str, count, seed, step)
    for weights in blocks:
        yield weights.astype(float)


@functools.lru_cache(maxsize=4)
def _kept(groups: bytes, kind: str, count: int, seed: int, step: int) -> Sequence[Array]:
    """Return all resamples of rows that are grouped like this, in small numbers."""
    blocks = _blocks(np.frombuffer(groups, kind), count, seed, step)
    return [weights.astype(np.uint16) for weights in blocks]


def _blocks(groups: Array, count: int, seed: int, step: int) -> Iterator[Array]:
    """Draw the resamples, ``step`` at a time."""
    random = np.random.default_rng(seed)
    names, group_of_row = np.unique(groups, return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    for start in range(0, count, step):
        size = min(step, count - start)
        drawn = random.multinomial(len(names), share, size=size)
        yield drawn[:, group_of_row]


def interval(values: Array) -> Interval:
    """Return the percentile interval of replicates."""
    defined = values[~np.isnan(values)]
    if len(defined) < FEWEST * len(values):
        return Interval(None, None)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(defined, [tail, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def intervals(drawn: Mapping[str, Array]) -> dict[str, Interval]:
    """Return the interval of each score's replicates."""
    return {name: interval(values) for name, values in drawn.items()}
