"""What parts predict together, under three null hypotheses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.analysis import nulls

FACTORS = st.lists(st.floats(0.1, 3.0), min_size=3, max_size=3)
JOULES = st.lists(st.floats(0.5, 500.0), min_size=3, max_size=3)


def expected(null: str, *cells: list[float]) -> float:
    """Return what the cells after the first predict together, in joules."""
    total = nulls.expected(null, np.log(cells), list(range(1, len(cells))))
    assert total is not None
    return float(np.exp(total.value))


def test_two_knobs_that_never_meet_give_a_synergy_by_the_product_of_totals_alone() -> None:
    """A halves training and B inference, of 10 + 50 + 40 J: 55 J, and no 60 J."""
    cells = [[10.0, 50.0, 40.0], [10.0, 25.0, 40.0], [10.0, 50.0, 20.0]]
    assert expected("stages", *cells) == pytest.approx(55)
    assert expected("totals", *cells) == pytest.approx(60)
    assert expected("savings", *cells) == pytest.approx(55)


@given(JOULES, FACTORS, FACTORS)
def test_ratios_multiply_within_a_stage_and_stages_add(
    base: list[float], one: list[float], other: list[float]
) -> None:
    """The default null is the sum over stages of V0's joules times both ratios."""
    joules, first, second = map(np.array, (base, one, other))
    cells = [joules.tolist(), (joules * first).tolist(), (joules * second).tolist()]
    assert expected("stages", *cells) == pytest.approx(float((joules * first * second).sum()))


@given(JOULES, FACTORS, FACTORS)
def test_in_one_stage_the_product_of_totals_is_the_default_null(
    base: list[float], one: list[float], other: list[float]
) -> None:
    """The two differ by the stages alone."""
    cells = [base[:1], [base[0] * one[0]], [base[0] * other[0]]]
    assert expected("stages", *cells) == pytest.approx(expected("totals", *cells))


def test_savings_that_exceed_what_there_is_predict_nothing() -> None:
    """Two knobs that each save 60 J of 100 J cannot both do so."""
    assert nulls.expected("savings", np.log([[100.0], [40.0], [40.0]]), [1, 2]) is None


@given(
    st.sampled_from(list(nulls.NULLS)),
    st.lists(JOULES, min_size=4, max_size=4),
    st.integers(0, 3),
    st.integers(0, 2),
)
def test_gradients_are_the_derivatives(
    null: str, cells: list[list[float]], cell: int, stage: int
) -> None:
    """The delta method rests on them."""
    means = np.log(cells)
    means[0] += 5  # so that savings leave something
    moved = means.copy()
    moved[cell, stage] += 1e-6
    here, there = (nulls.expected(null, m, [1, 2, 3]) for m in (means, moved))
    if here is None or there is None:
        return
    slope = (there.value - here.value) / 1e-6
    assert here.gradient[cell, stage] == pytest.approx(slope, abs=1e-3 * (1 + abs(slope)))
