"""Intervals that hold together, the verdict they allow, and the blocks that would tell.

The family-wise level is that of the largest of correlated t ratios (the max-t method; Hothorn,
Bretz and Westfall, Biometrical Journal 50, 2008), by simulation. "Additive" is an equivalence: two
one-sided tests (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987) prove that
the effect is small, where a large p-value would prove nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from greenbench.analysis.block_model import Contrasts
    from greenbench.stats.shrinkage import Array

ADDITIVE, CANNOT_TELL = "additive", "cannot tell"
DRAWS, SEED = 20_000, 20_251_129
MOST_BLOCKS = 2000
POWER = 0.8
"""Chance that the stated number of blocks tells."""


def factors(contrasts: Contrasts, level: float = 0.95) -> Array:
    """Return what each standard uncertainty is multiplied by for intervals that hold together."""
    alone = np.array([quantile(freedom, (1 + level) / 2) for freedom in contrasts.freedom])
    count = len(alone)
    if count < 2:  # noqa: PLR2004  one interval holds with itself
        return alone
    random = np.random.default_rng(SEED)
    values, vectors = np.linalg.eigh(contrasts.correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    freedom = float(min(contrasts.freedom.min(), 1e6))
    normal = random.standard_normal((DRAWS, count)) @ root.T
    spread = np.sqrt(random.chisquare(freedom, DRAWS) / freedom)
    largest = float(np.quantile(np.abs(normal).max(axis=1) / spread, level))
    bonferroni = quantile(freedom, 1 - (1 - level) / 2 / count)
    together: Array = np.clip(largest, alone, bonferroni)
    return together


def judge(low: float, high: float, least: float, most: float, words: tuple[str, str]) -> str:
    """Return what an interval shows: ``additive`` within ``least`` and ``most``, else its side.

    ``words`` name an effect above zero and one below.
    """
    if least <= low and high <= most:
        return ADDITIVE
    if low > 0:
        return words[0]
    return words[1] if high < 0 else CANNOT_TELL


class BlockSpread(NamedTuple):
    """How uncertain an effect is after some blocks."""

    standard: float
    factor: float
    """What the standard uncertainty is multiplied by for its interval."""
    freedom: float
    blocks: int


def blocks_needed(value: float, now: BlockSpread, margins: tuple[float, float]) -> int | None:
    """Return about how many blocks tell with a chance of 80 %, if effect and scatter are these.

    None if ``MOST_BLOCKS`` do not.
    """
    least, most = margins
    distance = max(abs(value), min(value - least, most - value))
    together = now.factor / quantile(now.freedom)
    for count in range(now.blocks + 1, MOST_BLOCKS + 1):
        freedom = now.freedom * (count - 1) / max(1, now.blocks - 1)
        needed = together * quantile(freedom) + quantile(freedom, POWER)
        standard = now.standard * math.sqrt(now.blocks / count)
        if needed * standard <= distance:
            return count
    return None
