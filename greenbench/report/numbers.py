"""How numbers are written: with their unit, and with what is known of their uncertainty."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.types import Quantity


def unit(value: float | None, name: str) -> str:
    """``12.3 s``; a value that nobody measured is said to be so."""
    if value is None:
        return "unmeasured"
    return f"{value:.3g} {name}" if abs(value) < 100 else f"{value:.0f} {name}"  # noqa: PLR2004


def plus_minus(value: float | None, uncertainty: float | None, name: str) -> str:
    """``123.4 +- 2.1 J``: the half-width of the 95 % interval to two digits, the value to the same place."""
    if value is None or not uncertainty:
        return unit(value, name)
    places = 1 - math.floor(math.log10(uncertainty))
    if float(f"{uncertainty:.1e}") >= 10 ** (
        2 - places
    ):  # 0.0996 rounds up to 0.10, one place less
        places -= 1
    shown = max(0, places)
    return f"{round(value, places):.{shown}f} +- {round(uncertainty, places):.{shown}f} {name}"


def quantity(quantity: Quantity | None, name: str) -> str:
    """Write a quantity; ``-`` if it is unknown: the reason stands in the results file."""
    if quantity is None or quantity.value is None:
        return "-"
    return plus_minus(quantity.value, quantity.uncertainty, name)


def ratio(value: float | None, base: float | None) -> str:
    """``62 %`` of the baseline."""
    return f"{100 * value / base:.0f} %" if value is not None and base else "-"


def difference(value: float | None, base: float | None) -> str:
    """``-0.021`` against the baseline."""
    return f"{value - base:+.3f}" if value is not None and base is not None else "-"
