"""How numbers are written: with their unit, and with no more digits than are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.types import Quantity

UNKNOWN = "-"
SAME = "0 in every round"
"""A difference of scores whose interval has no width: neither seeds nor rows change it."""
MOST_PLACES = 6
"""Decimal places at most, where more would be needed to tell a bound from no change."""


def unit(value: float | None, name: str) -> str:
    """Return ``12.3 s``: three digits, from 100 on no decimals; ``unmeasured`` for None."""
    if value is None:
        return "unmeasured"
    if abs(value) < 100:  # noqa: PLR2004
        return f"{value:.3g} {name}"
    return f"{value:.0f} {name}"


def plus_minus(value: float | None, uncertainty: float | None, name: str) -> str:
    """Return ``123.4 +- 2.1 J``: the half-width of the 95 % interval to two digits.

    The value is rounded to the same place.
    """
    if value is None or not uncertainty:
        return unit(value, name)
    places = 1 - math.floor(math.log10(uncertainty))
    rounded = float(f"{uncertainty:.1e}")
    if rounded >= 10 ** (2 - places):  # 0.0996 rounds up to 0.10, one place less
        places -= 1
    decimals = max(0, places)
    number = f"{_rounded(value, places):.{decimals}f}"
    return f"{number} +- {round(uncertainty, places):.{decimals}f} {name}"


def quantity(quantity: Quantity | None, name: str) -> str:
    """Return a quantity with its uncertainty, in milli- or microunits if it is small.

    ``-`` if it is unknown; the results file says why.
    """
    if quantity is None or quantity.value is None:
        return UNKNOWN
    prefix, factor = _prefix(abs(quantity.value))
    uncertainty = None
    if quantity.uncertainty is not None:
        uncertainty = quantity.uncertainty / factor
    return plus_minus(quantity.value / factor, uncertainty, f"{prefix}{name}")


def _prefix(size: float) -> tuple[str, float]:
    """Return the prefix of a number of this size, and what it stands for."""
    if size == 0 or size >= 0.01:  # noqa: PLR2004
        return "", 1.0
    return ("m", 1e-3) if size >= 1e-5 else ("u", 1e-6)  # noqa: PLR2004


def ratio(value: float, low: float, high: float, separator: str = " to ") -> str:
    """Return ``0.62 (0.55 to 0.70)``; a bound that excludes 1 is never rounded to 1."""
    least = 2 if value < 2 else 1  # noqa: PLR2004  0.94, but 5.7
    places = max(least, _places(low, high))
    if value >= 100:  # noqa: PLR2004
        places = 0
    while places < MOST_PLACES and _hides_exclusion(low, high, places):
        places += 1
    return f"{value:.{places}f} ({low:.{places}f}{separator}{high:.{places}f})"


def saving(value: float, low: float, high: float) -> str:
    """Return what a ratio saves, ``38.0 % (95 % interval 37.4 to 38.6 %)``.

    A bound of a saving is never rounded to nothing, nor to all.
    """
    return _percent(1 - value, 1 - high, 1 - low)


def increase(value: float, low: float, high: float) -> str:
    """Return what a ratio adds, ``17 % (95 % interval 10 to 24 %)``, never rounded to nothing."""
    return _percent(value - 1, low - 1, high - 1)


def _percent(value: float, low: float, high: float) -> str:
    """Return a share of V0's in per cent; a bound is never rounded to nothing, nor to all."""
    least = 100 * low
    most = 100 * high
    places = max(0, _places(least, most))
    while places < MOST_PLACES and _hides_saving(least, most, places):
        places += 1
    interval = f"{least:.{places}f} to {most:.{places}f} %"
    return f"{100 * value:.{places}f} % (95 % interval {interval})"


def change(value: float, low: float, high: float) -> str:
    """Return a ratio that may be on either side of 1: ``+7 % (95 % interval -7 to +23 %)``."""
    bounds = [100 * (one - 1) for one in (value, low, high)]
    places = max(0, _places(bounds[1], bounds[2]))
    middle, least, most = (_signed(bound, places) for bound in bounds)
    return f"{middle} % (95 % interval {least} to {most} %)"


def _signed(value: float, places: int) -> str:
    rounded = _rounded(value, places)
    return f"{rounded:+.{places}f}" if rounded else f"{rounded:.{places}f}"


def difference(value: float, low: float, high: float) -> str:
    """Return ``-0.02 (-0.06 to 0.01)``, to the place that the width of the interval allows."""
    if low == high == 0:
        return SAME
    places = max(2, _places(low, high))
    while places < MOST_PLACES and _hides_sign(low, high, places):
        places += 1
    bounds = f"{_rounded(low, places):.{places}f} to {_rounded(high, places):.{places}f}"
    return f"{_signed(value, places)} ({bounds})"


def _places(low: float, high: float) -> int:
    """Return the decimal places that show the first digit of half the interval's width."""
    half = (high - low) / 2
    if half <= 0 or not math.isfinite(half):
        return 0
    return min(MOST_PLACES, -math.floor(math.log10(half)))


def _hides_exclusion(low: float, high: float, places: int) -> bool:
    hides_low = low > 1 and round(low, places) <= 1
    return hides_low or (high < 1 and round(high, places) >= 1)


def _hides_saving(least: float, most: float, places: int) -> bool:
    hides_least = least > 0 and round(least, places) <= 0
    return hides_least or (most < 100 and round(most, places) >= 100)  # noqa: PLR2004


def _hides_sign(low: float, high: float, places: int) -> bool:
    hides_low = low > 0 and round(low, places) <= 0
    return hides_low or (high < 0 and round(high, places) >= 0)


def _rounded(value: float, places: int) -> float:
    """Return the rounded value, without the sign of a zero."""
    return round(value, places) + 0.0
