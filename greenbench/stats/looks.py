"""Looks at the blocks of a session while it runs, to end with what is settled.

Each look has a level of its own, so that all looks together keep the error rate: ``spending``.
"""

from __future__ import annotations

import bisect
import functools
import math
from dataclasses import dataclass

from greenbench.stats.student import ALPHA

FEWEST_BLOCKS = 3
"""The fewest blocks before the first look: of two, no warm-up can be told."""
MOST_BLOCKS = 100
"""The most blocks that a session may plan."""
RATES = tuple(math.exp(math.log(1e-8) + step / 23 * math.log(0.5 / 1e-8)) for step in range(24))
"""Error rates at which the levels of looks are tabulated, to turn p-values into repeated ones.

Smaller p-values count as the smallest of them, larger ones as 1."""


@dataclass(frozen=True, slots=True)
class Looks:
    """When a session looks at its blocks: after ``first``, then after each one, up to ``most``."""

    first: int
    most: int

    def level(self, blocks: int) -> float:
        """Return the one-sided level of the look after so many ``blocks``.

        A session that ended before its first look has the level of that one. An interval that
        leaves out this much on each side, at each look, contains the true value at all looks in 95
        of 100 sessions: the repeated confidence interval of Jennison and Turnbull (Journal of the
        Royal Statistical Society B 51, 1989).
        """
        from greenbench.stats.spending import levels

        return levels(self._fractions, ALPHA)[self._number(blocks)]

    def repeated(self, p: float, blocks: int) -> float:
        """Return the repeated p-value of the look after so many ``blocks``; ``p`` is its own.

        It is the smallest error rate with which that look rejects. Holm's correction of repeated
        p-values holds over cells and looks together (Maurer and Bretz, Statistics in
        Biopharmaceutical Research 5, 2013).
        """
        return _repeated(p, _levels_by_rate(self._fractions, self._number(blocks)))

    def _number(self, blocks: int) -> int:
        known = max(blocks, self.first)
        known = min(known, self.most)
        return known - self.first

    @property
    def _fractions(self) -> tuple[float, ...]:
        """How much of the planned blocks each look has."""
        return tuple(blocks / self.most for blocks in range(self.first, self.most + 1))


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a session."""

    looks: Looks
    blocks: int

    @property
    def most(self) -> int:
        """The most blocks of its session."""
        return self.looks.most

    @property
    def text(self) -> str:
        """When it was, in words."""
        return f"after {self.blocks} of at most {self.most} blocks"

    @property
    def level(self) -> float:
        """Its one-sided level."""
        return self.looks.level(self.blocks)

    def repeated(self, p: float) -> float:
        """Return the repeated p-value that belongs to its own one."""
        return self.looks.repeated(p, self.blocks)


@functools.lru_cache(maxsize=1024)
def _levels_by_rate(fractions: tuple[float, ...], number: int) -> tuple[float, ...]:
    """Return the level of one of the looks for each of ``RATES``; it rises with them."""
    from greenbench.stats.spending import levels

    return tuple(levels(fractions, rate)[number] for rate in RATES)


def _repeated(p: float, of_rates: tuple[float, ...]) -> float:
    """Return the rate whose level is ``p``, between two of ``RATES`` on a logarithmic scale."""
    above = bisect.bisect_left(of_rates, p)
    if above == 0:
        return RATES[0]
    if above == len(RATES):
        return 1.0
    below = above - 1
    low = math.log(of_rates[below])
    high = math.log(of_rates[above])
    share = (math.log(p) - low) / (high - low)
    lowest = math.log(RATES[below])
    highest = math.log(RATES[above])
    return math.exp(lowest + share * (highest - lowest))
