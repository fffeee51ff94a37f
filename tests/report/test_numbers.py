"""Numbers carry their unit and no more digits than their uncertainty allows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.report.numbers import plus_minus, quantity, unit
from greenbench.types import Quantity


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (123.44, 2.13, "123.4 +- 2.1 J"),
        (4953.0, 2031.0, "5000 +- 2000 J"),
        (0.012344, 0.00042, "0.01234 +- 0.00042 J"),
        (55.3, 9.96, "55 +- 10 J"),
        (55.3, 0.0996, "55.30 +- 0.10 J"),
        (-3.25, 1.5, "-3.2 +- 1.5 J"),
        (55.34, None, "55.3 J"),
        (55.34, 0.0, "55.3 J"),
        (None, None, "unmeasured"),
    ],
)
def test_the_uncertainty_decides_the_digits(
    value: float | None, uncertainty: float | None, text: str
) -> None:
    """Two digits of the uncertainty, and the value to the same place."""
    assert plus_minus(value, uncertainty, "J") == text


@given(st.floats(-1e7, 1e7), st.floats(1e-6, 1e6))
def test_what_is_printed_is_what_was_measured(value: float, uncertainty: float) -> None:
    """Read back, value and uncertainty differ by less than the last digit shown is worth."""
    numbers = re.fullmatch(r"(\S+) \+- (\S+) J", plus_minus(value, uncertainty, "J"))
    assert numbers
    assert float(numbers[1]) == pytest.approx(value, abs=0.06 * uncertainty)
    assert float(numbers[2]) == pytest.approx(uncertainty, rel=0.06)


def test_unknown_quantities_are_a_dash() -> None:
    """A results file of an older greenbench has none at all."""
    assert quantity(None, "J") == quantity(Quantity(value=None), "J") == "-"
    assert quantity(Quantity(value=2.0, uncertainty=0.5), "J") == "2.00 +- 0.50 J"


def test_large_numbers_have_no_decimals() -> None:
    """Four digits at most where nothing is known of the uncertainty."""
    assert (unit(1234.5, "J"), unit(1.2345, "s"), unit(-250.0, "J")) == (
        "1234 J",
        "1.23 s",
        "-250 J",
    )
