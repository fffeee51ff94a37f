"""The interval of a share by Wilson's score (JASA 1927).

It holds its level for few rows and for shares near 0 and 1. Agresti and Coull (The American
Statistician 1998) and Brown, Cai and DasGupta (Statistical Science 2001) recommend it over the
normal approximation, which gives a share of 0 the interval from 0 to 0.
"""

from __future__ import annotations


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """Return the bounds of the 95 % interval for ``hits`` among ``rows``.

    SciPy computes them: a handful of shares are scored a round, so its second of import time, which
    is why other modules here stay with ``scipy.special``, is spent once in a session that runs
    programs. Raises ValueError where ``hits`` among ``rows`` are no share.
    """
    if not 0 <= hits <= rows or not rows:
        raise ValueError(f"{hits} hits among {rows} rows are no share")
    from scipy.stats import binomtest

    bounds = binomtest(hits, rows).proportion_ci(confidence_level=0.95, method="wilson")
    return float(bounds.low), float(bounds.high)
