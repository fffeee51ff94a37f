"""The interval of a share by Wilson's score (JASA 1927): it holds its level for few rows and for shares near 0 and 1.

Agresti and Coull (The American Statistician 1998) and Brown, Cai and DasGupta (Statistical Science 2001) recommend it over
the normal approximation, which gives a share of 0 the interval from 0 to 0.
"""

from __future__ import annotations

import math

Z = 1.959963984540054
"""The standard normal deviate of a two-sided 95 % level."""


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """Return the bounds of the 95 % interval for ``hits`` among ``rows``; raises ValueError where there are no rows."""
    if not 0 <= hits <= rows or not rows:
        raise ValueError(f"{hits} hits among {rows} rows are no share")
    share, squared = hits / rows, Z * Z
    middle = (share + squared / (2 * rows)) / (1 + squared / rows)
    half = (
        Z
        / (1 + squared / rows)
        * math.sqrt(share * (1 - share) / rows + squared / (4 * rows * rows))
    )
    low = 0.0 if hits == 0 else max(0.0, middle - half)  # exactly, not by rounding
    high = 1.0 if hits == rows else min(1.0, middle + half)
    return low, high
