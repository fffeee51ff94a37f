"""Widens a gate's intervals if its rounds are not independent.

Successive rounds share the machine's state (``greenbench.stats.autocorrelation``). A state that
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
"""The correlation that is assumed if cells scatter by more than their rounds show."""
MORE = 1.5
"""How many times as much that has to be, because the scatter of few cells is itself uncertain."""
CELLS = 8
"""The fewest cells whose scatter is estimated."""
HALF = 1.349
"""The shortest half of a normal distribution, in standard deviations (Rousseeuw and Leroy, Robust
Regression and Outlier Detection 1987, ch. 4)."""
FEWER = 1.9
"""By how much the shortest half of n values is shorter, times the root of n (by simulation)."""
SAFE = 1.5
"""The factor on a scatter that covers its own uncertainty."""
WIDEST = 0.10
"""The largest standard deviation of a ratio that a lasting state is held responsible for; 0.08 was
observed."""


def corrected(estimates: Sequence[Estimate], *, unchanged: bool) -> list[Estimate]:
    """Return the estimates of a gate's cells with the uncertainty of dependent rounds.

    ``unchanged`` says that most cells should compare alike, as they do with an earlier run of the
    same code. What they differ by among themselves is then noise, whatever their rounds show.
    """
    series = [values for estimate in estimates for values in estimate.series]
    rho = correlation(series)
    correlated = [_correlated(estimate, rho) for estimate in estimates]
    if not unchanged:
        return correlated
    scatter = _scatter(correlated)
    return [_scattered(estimate, scatter, len(correlated)) for estimate in correlated]


def _correlated(estimate: Estimate, rho: float) -> Estimate:
    """Return ``estimate`` with the uncertainty of rounds whose neighbours correlate by ``rho``."""
    if not rho or estimate.spread is None or not estimate.series:
        return estimate
    if estimate.rounds < 2:  # noqa: PLR2004  the 20 % of one round cover more
        return estimate
    factor = inflation(estimate.rounds, rho)
    share = freedom(estimate.rounds, rho) / (estimate.rounds - 1)
    whole = math.hypot(math.sqrt(factor) * _random(estimate), estimate.fixed)
    return replace(
        estimate,
        below=whole,
        above=whole,
        freedom=estimate.freedom * share,
        correlation=rho,
        how=f"{estimate.how}, correlated by {rho:.2f}",
    )


def _random(estimate: Estimate) -> float:
    """Return the part of the uncertainty that more rounds reduce."""
    return math.sqrt(max(0.0, estimate.below**2 - estimate.fixed**2))


def _scatter(estimates: Sequence[Estimate]) -> float:
    """Return the standard deviation of the cells' margins, 0 if there are too few.

    It is taken from the shortest interval that contains half of them. Half of the cells may have
    changed without an influence on it, if the others compare alike.
    """
    margins = sorted(estimate.margin for estimate in estimates if estimate.spread is not None)
    if len(margins) < CELLS:
        return 0.0
    half = len(margins) // 2
    lengths = []
    for low, high in zip(margins, margins[half - 1 :], strict=False):
        lengths.append(high - low)
    return min(lengths) / (HALF - FEWER / math.sqrt(len(margins)))


def _scattered(estimate: Estimate, scatter: float, cells: int) -> Estimate:
    """Return ``estimate`` with the ``scatter`` of the cells if its rounds show clearly less."""
    random = _random(estimate)
    if estimate.spread is None or scatter <= MORE * random:
        return estimate
    deviation = min(SAFE * scatter, WIDEST)
    if deviation <= random:
        return estimate
    rho = max(estimate.correlation, LASTING)
    of_round = deviation * math.sqrt(estimate.rounds / inflation(estimate.rounds, rho))
    whole = math.hypot(deviation, estimate.fixed)
    return replace(
        estimate,
        below=whole,
        above=whole,
        freedom=math.inf,
        spread=max(estimate.spread, of_round),
        correlation=rho,
        how=f"{estimate.how}, {cells} cells scatter more",
    )
