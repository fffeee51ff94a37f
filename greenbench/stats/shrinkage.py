"""Variances of few values each, shrunk towards their common one by as much as they suggest.

Empirical Bayes after Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def shrunk(variances: Array, freedoms: Array) -> tuple[Array, float]:
    """Return the shrunk variances, and the degrees of freedom of what they are shrunk towards.

    ``freedoms`` are the degrees of freedom of ``variances``, none of which is 0. The variances are
    pooled, with infinite freedom, where they differ no more than equal ones would.
    """
    from scipy.special import digamma, polygamma

    halves = freedoms / 2
    logarithms = np.log(variances) - digamma(halves) + np.log(halves)
    scatter = float(logarithms.var(ddof=1)) - float(polygamma(1, halves).mean())
    if scatter <= 0:
        return np.full(len(variances), np.average(variances, weights=freedoms)), float("inf")
    prior = 2 * _inverse_trigamma(scatter)
    location = float(logarithms.mean()) + digamma(prior / 2) - np.log(prior / 2)
    towards: Array = prior * np.exp(location) + freedoms * variances
    return towards / (prior + freedoms), prior


def _inverse_trigamma(value: float) -> float:
    """Return the number whose trigamma function is ``value``, by Newton's method."""
    from scipy.special import polygamma

    number = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, number))
        number += trigamma * (1 - trigamma / value) / float(polygamma(2, number))
    return number
