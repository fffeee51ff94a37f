"""Cells that are compared although single rounds were far off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from stats.test_blocks import places, white

from greenbench.stats.block_design import BlockDesign, weighted_fit
from greenbench.stats.blocks import Array, compare_in_blocks
from greenbench.stats.off_rounds import find_off_rounds

CELLS, BLOCKS = 8, 8


def disturbed(seed: int, *, share: float = 0.2, by: float = 0.26) -> Array:
    """Return rounds of which some were off by about 30 %."""
    off = np.random.default_rng(seed + 10_000).random((BLOCKS, CELLS)) < share
    return white(BLOCKS, CELLS, seed) + by * off


def test_a_change_is_found_although_every_fifth_round_was_off() -> None:
    """In 40 sessions a loss of 10 % lies beyond the interval of no change in nine of ten."""
    found = robust = 0
    for seed in range(40):
        table = disturbed(seed)
        table[:, 3] += np.log(1.1)
        difference = compare_in_blocks(table, places(BLOCKS, CELLS), 0).differences[3]
        factor = float(student.ppf(0.975, difference.freedom))
        found += difference.value > factor * difference.standard
        robust += difference.off > 0
    assert found >= 36
    assert robust >= 36


def test_robust_intervals_contain_the_truth() -> None:
    """Where rounds were off, 93 to 98 % of the differences of equal cells contain no change."""
    inside = total = 0
    for seed in range(50):
        for difference in compare_in_blocks(disturbed(seed), places(BLOCKS, CELLS), 0).differences[
            1:
        ]:
            factor = float(student.ppf(0.975, difference.freedom))
            inside += abs(difference.value) <= factor * difference.standard
            total += 1
    assert 0.93 <= inside / total <= 0.98


def test_a_state_that_lasts_for_some_rounds_is_not_taken_for_rounds_that_were_off() -> None:
    """Twelve rounds in a row took 30 % more: what they did to each cell is not known."""
    order = places(BLOCKS, CELLS)
    in_state = (order >= 20) & (order < 32)
    table = white(BLOCKS, CELLS, 1) + 0.26 * in_state
    assert find_off_rounds(BlockDesign(order), table) is None


def test_a_cell_that_varies_more_is_not_taken_for_rounds_that_were_off() -> None:
    """One cell varies ten times as much as the others, in all of its rounds."""
    table = white(BLOCKS, CELLS, 2)
    table[:, 3] *= 10
    compared = compare_in_blocks(table, places(BLOCKS, CELLS), 0)
    assert not any(difference.off for difference in compared.differences)


def test_a_cell_of_which_all_rounds_may_have_been_off_keeps_the_wide_interval() -> None:
    """Its four agree; but where every fourth round is off, one of 80 such cells is off wholly."""
    off = np.random.default_rng(0).random((4, 12)) < 0.25
    off[:, 4] = False
    compared = compare_in_blocks(white(4, 12, 0) + 0.26 * off, places(4, 12), 0)
    assert compared.differences[4].off == 0
    assert sum(difference.off > 0 for difference in compared.differences) > 3


@given(seed=st.integers(0, 2**32 - 1), blocks=st.integers(2, 6), cells=st.integers(2, 6))
def test_equal_weights_are_ordinary_least_squares(seed: int, blocks: int, cells: int) -> None:
    """Effects, residuals and leverages agree with those of the balanced design."""
    table, design = white(blocks, cells, seed), BlockDesign(places(blocks, cells))
    fit = weighted_fit(design, table, np.ones((blocks, cells)))
    balanced = design.effects(table)
    assert fit.effects == pytest.approx(balanced - balanced.mean(), abs=1e-9)
    assert fit.residuals == pytest.approx(design.residuals(table), abs=1e-9)
    assert fit.leverages(1) == pytest.approx(design.leverages(1), abs=1e-9)
