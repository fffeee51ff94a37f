"""Intervals are drawn on one logarithmic axis, and what leaves it points out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.gates.changes import Change
from greenbench.report.page.intervals import MARGIN, WIDTH, LogAxis

RATIOS = st.floats(1e-4, 1e4)


def change(value: float, low: float, high: float) -> Change:
    """Return a ratio with its interval."""
    return Change(
        value=value, low=low, high=high, neutral=1.0, rounds=5, how="made up", significant=True
    )


@given(st.lists(RATIOS, min_size=2, max_size=5))
def test_larger_ratios_stand_further_right_and_all_within_the_drawing(ratios: list[float]) -> None:
    """Places rise with the ratio, whatever range the changes span."""
    ordered = sorted(ratios)
    axis = LogAxis.of([change(one, one, one) for one in ordered])
    places = [axis.place(one) for one in ordered]
    assert places == sorted(places)
    assert all(MARGIN <= place <= WIDTH - MARGIN for place in places)
    assert axis.low < axis.high


def test_no_change_stands_in_the_middle_where_halves_and_doubles_are_the_ends() -> None:
    """The axis is logarithmic."""
    axis = LogAxis.of([])
    assert axis.place(1.0) == pytest.approx(WIDTH / 2)
    assert [tick.label for tick in axis.ticks] == ["0.5", "1", "2"]


def test_an_interval_that_leaves_the_axis_says_so() -> None:
    """It ends at the edge, in an arrow: a bar would claim that it ends there."""
    axis = LogAxis.of([change(1.0, 0.9, 1.1)])
    inside = axis.places(change(1.0, 0.9, 1.1))
    outside = axis.places(change(1.0, 0.001, 1.1))
    assert (inside.leaves_low, inside.leaves_high) == (False, False)
    assert (outside.leaves_low, outside.leaves_high) == (True, False)
    assert outside.low == MARGIN < inside.low < inside.value == inside.one < inside.high


def test_many_powers_of_two_are_thinned_out() -> None:
    """Labels of a wide axis do not touch."""
    axis = LogAxis.of([change(1.0, 1 / 32, 32.0)])
    assert [tick.label for tick in axis.ticks] == ["0.0625", "0.25", "1", "4", "16"]
