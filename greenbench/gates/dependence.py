"""Widen a gate's intervals where its rounds are not independent.

Successive rounds share the machine's state (``greenbench.stats.autocorrelation``); a state that
outlasts a cell shows only in the scatter of cells that should compare alike.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.stats.autocorrelation import correlation, freedom, inflation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.verdict import Estimate

LASTING = 0.75
"""What is taken for the correlation where cells scatter by more than their rounds show: something outlasted a cell."""
MORE = 1.5
"""So much more has it to be: a scatter of few cells is itself uncertain."""
CELLS = 8
"""Cells from which on their scatter tells anything."""
HALF, FEWER, SAFE = 1.349, 1.9, 1.5
"""The shortest half of a normal distribution in standard deviations (Rousseeuw and Leroy, Robust Regression and Outlier
Detection 1987, ch. 4), by how much that of n values is shorter (by simulation, over the root of n), and what is taken of a
scatter for its own uncertainty."""
WIDEST = 0.10
"""What a state that outlasts cells is taken to move a ratio by at most, as a standard deviation; 0.08 was seen."""


def corrected(found: Sequence[Estimate], *, unchanged: bool) -> list[Estimate]:
    """Return the estimates of a gate's cells with the uncertainty that dependent rounds leave.

    ``unchanged`` says that most cells should compare alike, as they do with an earlier run of the same: what they differ by
    among themselves is then noise, whatever the rounds of each show.
    """
    rho = correlation([series for one in found for series in one.series])
    known = [_correlated(one, rho) for one in found]
    scatter = _scatter(known) if unchanged else 0.0
    return [_scattered(one, scatter, len(known)) for one in known]


def _correlated(one: Estimate, rho: float) -> Estimate:
    if not rho or one.spread is None or not one.series or one.rounds < 2:  # noqa: PLR2004  one round's 20 % hold more
        return one
    factor, share = inflation(one.rounds, rho), freedom(one.rounds, rho) / (one.rounds - 1)
    whole = math.hypot(math.sqrt(factor) * _random(one), one.fixed)
    how = f"{one.how}, correlated by {rho:.2f}"
    return replace(
        one, below=whole, above=whole, freedom=one.freedom * share, correlation=rho, how=how
    )


def _random(one: Estimate) -> float:
    return math.sqrt(max(0.0, one.below**2 - one.fixed**2))


def _scatter(found: Sequence[Estimate]) -> float:
    """Return the standard deviation of the cells' margins, by the shortest interval that holds half of them.

    What lies outside of it may be changes and is not asked; half of the cells may change, if the others compare alike.
    """
    margins = sorted(one.margin for one in found if one.spread is not None)
    if len(margins) < CELLS:
        return 0.0
    half = len(margins) // 2
    return min(high - low for low, high in zip(margins, margins[half - 1 :], strict=False)) / (
        HALF - FEWER / math.sqrt(len(margins))
    )


def _scattered(one: Estimate, scatter: float, cells: int) -> Estimate:
    if one.spread is None or scatter <= MORE * _random(one):
        return one
    taken, rho = min(SAFE * scatter, WIDEST), max(one.correlation, LASTING)
    if taken <= _random(one):
        return one
    whole = math.hypot(taken, one.fixed)
    spread = max(one.spread, taken * math.sqrt(one.rounds / inflation(one.rounds, rho)))
    how = f"{one.how}, {cells} cells scatter more"
    return replace(
        one, below=whole, above=whole, freedom=math.inf, spread=spread, correlation=rho, how=how
    )
