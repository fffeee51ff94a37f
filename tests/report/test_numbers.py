"""Numbers carry their unit and no more digits than their uncertainty allows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.report.numbers import change, increase, plus_minus, quantity, saving, unit
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
        (-0.4, 54.0, "0 +- 54 J"),
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


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ((0.62, 0.55, 0.7), "38 % (95 % interval 30 to 45 %)"),
        ((0.62, 0.614, 0.626), "38.0 % (95 % interval 37.4 to 38.6 %)"),
        ((0.9, 0.8, 0.9996), "10.00 % (95 % interval 0.04 to 20.00 %)"),
        ((0.01, 0.0004, 0.2), "99.00 % (95 % interval 80.00 to 99.96 %)"),
    ],
)
def test_a_ratio_saves_percent_of_v0_s(ratio: tuple[float, float, float], text: str) -> None:
    """To the place that the interval allows; a bound is not rounded to nothing, nor to all."""
    assert saving(*ratio) == text


def test_a_change_on_either_side_of_none_has_signs() -> None:
    """What is longer has none, as its word says it."""
    assert change(1.07, 0.93, 1.23) == "+7 % (95 % interval -7 to +23 %)"
    assert change(1.0, 0.9996, 1.0004) == "0.00 % (95 % interval -0.04 to +0.04 %)"
    assert increase(1.17, 1.1, 1.24) == "17 % (95 % interval 10 to 24 %)"


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_a_saving_keeps_the_order_of_its_bounds(value: float, below: float, above: float) -> None:
    """Read back, the interval contains the value, and lies between nothing and all."""
    text = saving(value, value * below, value + (1 - value) * above)
    numbers = re.fullmatch(r"(\S+) % \(95 % interval (\S+) to (\S+) %\)", text)
    assert numbers
    middle, low, high = map(float, numbers.groups())
    assert 0 < low <= middle <= high < 100
    last_digit = 10 ** -len(numbers[1].partition(".")[2])
    assert middle == pytest.approx(100 * (1 - value), abs=0.51 * last_digit)
