"""Differences between cells that were measured in blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_rel

from greenbench.stats.block_design import CORRELATIONS
from greenbench.stats.blocks import Array, BlockComparison, compare_in_blocks

CELLS, BLOCKS = 8, 5


def places(blocks: int, cells: int) -> Array:
    """Return the positions of rounds whose every second block runs backwards."""
    order = np.arange(blocks * cells, dtype=float).reshape(blocks, cells)
    order[1::2] = order[1::2, ::-1]
    return order


def white(blocks: int, cells: int, seed: int, noise: float = 0.03) -> Array:
    """Return rounds with independent normal noise."""
    drawn: Array = np.random.default_rng(seed).normal(0, noise, (blocks, cells))
    return drawn


@given(seed=st.integers(0, 2**32 - 1), blocks=st.integers(2, 9))
def test_two_cells_are_a_paired_t_test(seed: int, blocks: int) -> None:
    """With two cells and no trend the interval is that of SciPy's paired t-test."""
    table = white(blocks, 2, seed)
    compared = compare_in_blocks(table, places(blocks, 2), reference=0)
    used = table[1:] if compared.without_first else table
    expected = ttest_rel(used[:, 1], used[:, 0])
    difference = compared.differences[1]
    assert difference.value / difference.standard == pytest.approx(expected.statistic)
    assert difference.freedom == expected.df


def test_a_linear_drift_changes_no_difference() -> None:
    """A machine that slows down steadily leaves differences and their uncertainty alone."""
    table, order = white(BLOCKS, CELLS, 1), places(BLOCKS, CELLS)
    still = compare_in_blocks(table, order, reference=0)
    drifting = compare_in_blocks(table + 0.01 * order, order, reference=0)
    for one, other in zip(still.differences, drifting.differences, strict=True):
        assert other.value == pytest.approx(one.value, abs=1e-9)
        assert other.standard == pytest.approx(one.standard, abs=1e-9)


@given(offsets=st.lists(st.floats(-1, 1), min_size=BLOCKS, max_size=BLOCKS))
def test_what_a_whole_block_shares_changes_no_difference(offsets: list[float]) -> None:
    """A block in which everything took longer compares its cells as before."""
    table, order = white(BLOCKS, CELLS, 2), places(BLOCKS, CELLS)
    shifted = table + np.array(offsets)[:, None]
    values = [d.value for d in compare_in_blocks(table, order, reference=0).differences]
    others = [d.value for d in compare_in_blocks(shifted, order, reference=0).differences]
    assert others == pytest.approx(values, abs=1e-9)


def test_a_first_block_that_is_still_warming_up_is_left_out() -> None:
    """Cells that ran first took longer in the first block, and in no other."""
    table = white(BLOCKS, CELLS, 3, noise=0.01)
    table[0] += 0.3 * np.exp(-np.arange(CELLS) / 2)
    compared = compare_in_blocks(table, places(BLOCKS, CELLS), reference=0)
    assert compared.without_first
    assert compared.blocks == BLOCKS - 1
    assert abs(compared.differences[-1].value) < 0.03


def test_two_blocks_of_which_the_first_was_warming_up_prove_nothing() -> None:
    """V0 ran first and took 15 % more: its own variance keeps the others from looking cheaper."""
    cells = 20
    table = white(2, cells, 6, noise=0.01)
    table[0] += 0.15 * np.exp(-np.arange(cells) / 4)
    compared = compare_in_blocks(table, places(2, cells), reference=0)
    for difference in compared.differences[1:]:
        factor = float(student.ppf(0.975, difference.freedom))
        assert difference.value + factor * difference.standard > 0


@pytest.fixture(scope="module")
def independent() -> list[BlockComparison]:
    """Return 100 sessions of independent noise."""
    order = places(BLOCKS, CELLS)
    return [compare_in_blocks(white(BLOCKS, CELLS, seed), order, 0) for seed in range(100)]


def test_a_first_block_like_the_others_is_kept(independent: list[BlockComparison]) -> None:
    """Of 100 sessions of independent noise the test at 1 % leaves out the first block in few."""
    assert sum(compared.without_first for compared in independent) <= 4


def test_normal_rounds_are_hardly_ever_called_off(independent: list[BlockComparison]) -> None:
    """Of 100 sessions of independent noise fewer than four are judged robustly."""
    assert sum(compared.differences[-1].off > 0 for compared in independent) < 4


def test_intervals_contain_the_truth(independent: list[BlockComparison]) -> None:
    """With independent noise 95 % intervals contain no change in 93 to 98 % of differences."""
    inside = total = 0
    for compared in independent:
        for difference in compared.differences[1:]:
            factor = float(student.ppf(0.975, difference.freedom))
            inside += abs(difference.value) <= factor * difference.standard
            total += 1
    assert 0.93 <= inside / total <= 0.98


def test_lasting_states_are_seen_and_widen_differences() -> None:
    """Rounds whose errors last have a correlation near the true one, and wider intervals."""
    cells, blocks, rho = 8, 12, 0.85
    random, order = np.random.default_rng(4), places(blocks, cells)
    states = [random.normal()]
    for _ in range(blocks * cells - 1):
        states.append(rho * states[-1] + (1 - rho**2) ** 0.5 * random.normal())
    table = 0.05 * np.array(states)[order.astype(int)]
    compared = compare_in_blocks(table, order, reference=0)
    assert compared.correlation == pytest.approx(rho, abs=0.2)
    far = compared.differences[-1]
    residual = np.sqrt(far.standard**2 * blocks / 2)
    assert far.spread > residual * 0.99


def test_independent_noise_shows_hardly_any_correlation(independent: list[BlockComparison]) -> None:
    """The bias of residuals is taken out: over many sessions the median is nearly 0."""
    assert np.median([compared.correlation for compared in independent]) <= CORRELATIONS[2]


def test_a_cell_that_varies_more_has_a_wider_interval() -> None:
    """Variances are shrunk towards each other, not pooled."""
    table = white(12, CELLS, 5)
    table[:, 3] *= 10
    differences = compare_in_blocks(table, places(12, CELLS), reference=0).differences
    assert differences[3].standard > 3 * differences[2].standard


def test_rounds_without_any_noise_have_no_uncertainty() -> None:
    """Counts that never differ are compared exactly."""
    table = np.tile([1.0, 2.0, 4.0], (4, 1))
    compared = compare_in_blocks(table, places(4, 3), reference=0)
    assert [d.value for d in compared.differences] == pytest.approx([0.0, 1.0, 3.0])
    assert all(d.standard == 0 for d in compared.differences)
