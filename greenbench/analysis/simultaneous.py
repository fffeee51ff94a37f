"""Intervals that hold together, the verdict they allow, and the blocks that would tell.

The family-wise level is that of the largest of correlated t ratios (the max-t method; Hothorn,
Bretz and Westfall, Biometrical Journal 50, 2008), by simulation. "Additive" is an equivalence: two
one-sided tests (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987) prove that
the effect is small, where a large p-value would prove nothing.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.block_model import BlockModel, Contrasts
    from greenbench.stats.shrinkage import Array

ADDITIVE, CANNOT_TELL = "additive", "cannot tell"
DRAWS, SEED = 20_000, 20_251_129
RESAMPLES = 2_000
LARGEST_FREEDOM = 1e6
MOST_BLOCKS = 2000
POWER = 0.8
"""Chance that the stated number of blocks tells."""


def factors(contrasts: Contrasts, level: float = 0.95) -> Array:
    """Return what each standard uncertainty is multiplied by for intervals that hold together."""
    alone = np.array([quantile(freedom, (1 + level) / 2) for freedom in contrasts.freedom])
    count = len(alone)
    if count < 2:  # noqa: PLR2004  one interval holds with itself
        return alone
    freedom = float(min(contrasts.freedom.min(), LARGEST_FREEDOM))
    random = np.random.default_rng(SEED)
    independent, random.bit_generator.state = _normal_draws(count)
    normal = independent @ _root(contrasts.correlation).T
    spread = np.sqrt(random.chisquare(freedom, DRAWS) / freedom)
    largest = float(np.quantile(np.abs(normal).max(axis=1) / spread, level))
    bonferroni = quantile(freedom, 1 - (1 - level) / 2 / count)
    together: Array = np.clip(largest, alone, bonferroni)
    return together


@functools.lru_cache(maxsize=8)
def _normal_draws(count: int) -> tuple[Array, Mapping[str, object]]:
    """Return ``DRAWS`` of so many independent normal values, and the generator's state after."""
    random = np.random.default_rng(SEED)
    return random.standard_normal((DRAWS, count)), random.bit_generator.state


@dataclass(frozen=True, slots=True)
class Bounded:
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return not self.low <= 0 <= self.high

    @property
    def as_ratio(self) -> Bounded:
        """The ratio whose logarithm this is."""
        return Bounded(math.exp(self.value), math.exp(self.low), math.exp(self.high))


def together(
    model: BlockModel,
    values: Sequence[float],
    weights: Sequence[Array],
    further: Array | None = None,
) -> list[Bounded]:
    """Return intervals of contrasts that all hold at once; ``further`` as for ``contrasts``."""
    contrasts = model.contrasts(np.array(weights), further)
    return bounded(values, contrasts)


def bounded(values: Sequence[float], contrasts: Contrasts) -> list[Bounded]:
    """Return simultaneous intervals around values."""
    halves = factors(contrasts) * contrasts.standard
    intervals = []
    for value, half in zip(values, halves.tolist(), strict=True):
        intervals.append(Bounded(value, value - half, value + half))
    return intervals


def drawn(values: Sequence[float], contrasts: Contrasts, seed: int) -> Array:
    """Return draws of values with their uncertainty, a row a draw (a parametric bootstrap)."""
    random = np.random.default_rng([SEED, seed])
    freedom = float(min(contrasts.freedom.min(), LARGEST_FREEDOM))
    normal = random.standard_normal((RESAMPLES, len(values))) @ _root(contrasts.correlation).T
    spread = np.sqrt(random.chisquare(freedom, (RESAMPLES, 1)) / freedom)
    draws: Array = np.array(values) + contrasts.standard * normal / spread
    return draws


def _root(correlation: Array) -> Array:
    """Return a matrix whose product with its transpose is the correlation."""
    values, vectors = np.linalg.eigh(correlation)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


class Rule(NamedTuple):
    """What counts as no effect, and how effects are called."""

    least: float
    most: float
    above: str
    below: str


def judge(effect: Bounded, rule: Rule) -> str:
    """Return what an interval shows: ``additive`` within the rule's margins, else its side."""
    if rule.least <= effect.low and effect.high <= rule.most:
        return ADDITIVE
    if effect.low > 0:
        return rule.above
    return rule.below if effect.high < 0 else CANNOT_TELL


class BlockSpread(NamedTuple):
    """How uncertain an effect is after some blocks."""

    standard: float
    half: float
    """Half of the width of its interval."""
    freedom: float
    blocks: int


def blocks_needed(value: float, now: BlockSpread, rule: Rule) -> int | None:
    """Return about how many blocks tell with a chance of 80 %, if effect and scatter are these.

    None if ``MOST_BLOCKS`` do not.
    """
    distance = max(abs(value), min(value - rule.least, rule.most - value))
    too_few, enough = now.blocks, MOST_BLOCKS
    if _reach(enough, now) > distance:
        return None
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if _reach(middle, now) > distance:
            too_few = middle
        else:
            enough = middle
    return enough


def _reach(blocks: int, now: BlockSpread) -> float:
    """Return the smallest distance that so many blocks tell with the chance of ``POWER``."""
    freedom = now.freedom * (blocks - 1) / max(1, now.blocks - 1)
    widened = now.half / now.standard / quantile(now.freedom)
    standard = now.standard * math.sqrt(now.blocks / blocks)
    return standard * (widened * quantile(freedom) + quantile(freedom, POWER))
