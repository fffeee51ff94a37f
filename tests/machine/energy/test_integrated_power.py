"""Watts over time: exact for straight lines, and as uncertain as what lies between readings."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.machine.energy.integrated_power import IntegratedPower

WATTS = st.floats(0, 1000)
SECONDS = st.floats(0.001, 0.4)


def integral(readings: list[tuple[float, float]]) -> IntegratedPower:
    """Return the integral over (seconds since the last reading, watts)."""
    moments, powers = [], []
    now = 0.0
    for elapsed, watts in readings:
        now += elapsed
        moments.append(now)
        powers.append(watts)
    times, values = iter(moments), iter(powers)
    power = IntegratedPower(lambda: next(values), "meter", lambda: next(times))
    for _ in readings:
        power.read()
    return power


@given(st.lists(st.tuples(SECONDS, WATTS), min_size=2, max_size=20))
def test_the_truth_of_any_monotone_power_is_within_the_half_widths(
    readings: list[tuple[float, float]],
) -> None:
    """Least and most that the readings allow lie within the sum of all half-widths."""
    least = most = half = 0.0
    for (_, before), (elapsed, after) in itertools.pairwise(readings):
        least += min(before, after) * elapsed
        most += max(before, after) * elapsed
        half += abs(after - before) / 2 * elapsed
    power = integral(readings)
    joules = integral(readings)._joules
    assert joules - half <= least + 1e-6
    assert most - 1e-6 <= joules + half
    assert power.variance_j2() <= half**2 / 3 + 1e-6


def test_steady_watts_are_certain() -> None:
    """There is nothing between two equal readings that a line would miss."""
    power = integral([(0.0, 50.0), (0.1, 50.0), (0.1, 50.0)])
    assert power._joules == pytest.approx(10.0)
    assert power.variance_j2() == 0


def test_a_long_silence_is_as_uncertain_as_its_joules() -> None:
    """Over a pause of a second the power may have been anything from 0 to twice as much."""
    power = integral([(0.0, 50.0), (1.0, 50.0)])
    assert math.sqrt(power.variance_j2()) == pytest.approx(50 / math.sqrt(3))


@pytest.mark.parametrize("watts", [-1.0, math.nan, math.inf])
def test_watts_that_cannot_be_are_no_reading(watts: float) -> None:
    """The window that they fall into has a reason instead of joules."""
    with pytest.raises(ValueError, match="meter shows"):
        IntegratedPower(lambda: watts, "meter").read()
