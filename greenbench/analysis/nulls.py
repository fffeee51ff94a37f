"""What a combination of parts should take if the parts do not interact: three null hypotheses.

- ``stages``: ratios multiply within a stage, and stages add. The default, and the only one that is
  right for knobs that never meet: A halves training and B inference, of 10 + 50 + 40 J, give
  10 + 25 + 20 = 55 J.
- ``totals``: the ratios of the totals multiply: 100 J * 0.75 * 0.8 = 60 J. Wrong by arithmetic
  alone where stages differ.
- ``savings``: the savings in joules add: 100 J - 25 J - 20 J = 55 J. Wrong within a stage: two
  knobs that each halve it would leave nothing.

All work on means of logarithms, cells by stages; cell 0 is V0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.stats.shrinkage import Array

NULLS = {
    "stages": "multiply within a stage, add across stages",
    "totals": "product of the totals",
    "savings": "sum of the savings",
}


class LogTotal(NamedTuple):
    """The logarithm of a total, and its derivatives by the means, cells by stages."""

    value: float
    gradient: Array


def observed(means: Array, cell: int) -> LogTotal:
    """Return the total of a cell over its stages."""
    gradient = np.zeros_like(means)
    joules = np.exp(means[cell])
    gradient[cell] = joules / joules.sum()
    return LogTotal(float(np.log(joules.sum())), gradient)


def expected(null: str, means: Array, parts: Sequence[int]) -> LogTotal | None:
    """Return what cells ``parts`` together should take; None if savings exceed what there is."""
    if null == "stages":
        return _by_stages(means, parts)
    if null == "totals":
        return _by_totals(means, parts)
    return _by_savings(means, parts)


def logarithms_by_stage(means: Array, parts: Sequence[int]) -> Array:
    """Return what the parts predict of each stage if their ratios multiply within it."""
    ratios = means[list(parts)] - means[0]
    together: Array = means[0] + ratios.sum(axis=0)
    return together


def _by_stages(means: Array, parts: Sequence[int]) -> LogTotal:
    joules = np.exp(logarithms_by_stage(means, parts))
    shares = joules / joules.sum()
    gradient = np.zeros_like(means)
    gradient[0] = shares * (1 - len(parts))
    for part in parts:
        gradient[part] += shares
    return LogTotal(float(np.log(joules.sum())), gradient)


def _by_totals(means: Array, parts: Sequence[int]) -> LogTotal:
    base = observed(means, 0)
    value = base.value
    gradient = base.gradient.copy()
    for part in parts:
        total = observed(means, part)
        value += total.value - base.value
        gradient += total.gradient - base.gradient
    return LogTotal(value, gradient)


def _by_savings(means: Array, parts: Sequence[int]) -> LogTotal | None:
    joules = np.exp(means)
    total = joules[0].sum() * (1 - len(parts)) + joules[list(parts)].sum()
    if total <= 0:
        return None
    gradient = np.zeros_like(means)
    gradient[0] = joules[0] * (1 - len(parts)) / total
    for part in parts:
        gradient[part] += joules[part] / total
    return LogTotal(float(np.log(total)), gradient)
