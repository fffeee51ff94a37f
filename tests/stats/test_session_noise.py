"""The spread of cells' means by all rounds of a session together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.stats.session_noise import SeriesOfRounds, Spread, spreads
from greenbench.stats.student import coverage
from tools.coverage_check import KnownWorld

CELLS, BLOCKS = 8, 5


def series(noise: np.ndarray, *, cells: int = CELLS, blocks: int = BLOCKS) -> list[SeriesOfRounds]:
    """Return cells of about 100 whose rounds have ``noise``, given in the order of the session."""
    order = np.arange(cells * blocks).reshape(blocks, cells)
    order[1::2] = order[1::2, ::-1].copy()
    found = []
    for cell in range(cells):
        places = order[:, cell]
        values = tuple((100 * (1 + noise[places])).tolist())
        found.append(SeriesOfRounds(values, tuple(places.tolist()), float(np.mean(values))))
    return found


def white(seed: int, cells: int = CELLS, blocks: int = BLOCKS) -> np.ndarray:
    """Return independent normal noise of 3 %."""
    return np.random.default_rng(seed).normal(0, 0.03, cells * blocks)


def lasting(seed: int, cells: int = CELLS, blocks: int = BLOCKS) -> np.ndarray:
    """Return states of 5 % that are correlated by 0.85 from a round to the next."""
    random = np.random.default_rng(seed)
    levels = [random.normal()]
    for _ in range(cells * blocks - 1):
        levels.append(0.85 * levels[-1] + math.sqrt(1 - 0.85**2) * random.normal())
    return 0.05 * np.array(levels)


def half_widths(found: list[Spread] | None) -> np.ndarray:
    """Return the half-widths of the 95 % intervals."""
    assert found is not None
    return np.array([spread.standard * coverage(spread.freedom) for spread in found])


def test_too_few_rounds_show_nothing() -> None:
    """Nine degrees of freedom, the trend's taken off, do not tell noise from a state."""
    assert spreads([]) is None
    assert spreads(series(white(1, 2, 5), cells=2, blocks=5)) is None
    assert spreads(series(white(1, 3, 5), cells=3, blocks=5)) is not None


def test_white_noise_has_about_the_interval_of_the_pooled_deviation() -> None:
    """The half-width is 3 % by the root of the rounds, times Student's t, and somewhat more."""
    widths = [half_widths(spreads(series(white(seed)))).mean() for seed in range(40)]
    assert 1.0 < float(np.mean(widths)) / (coverage(31) * 3 / math.sqrt(BLOCKS)) < 1.3


def test_a_state_that_lasts_for_rounds_widens_the_interval() -> None:
    """In most sessions it is wider than the pooled deviation of independent rounds would be."""
    wider = []
    for seed in range(10):
        cells = series(lasting(seed))
        pooled = math.sqrt(float(np.mean([np.var(one.values, ddof=1) for one in cells])))
        independent = coverage(31) * pooled / math.sqrt(BLOCKS)
        wider.append(half_widths(spreads(cells)).mean() / independent)
    assert float(np.median(wider)) > 1.2


def test_rounds_in_a_row_count_for_less_than_blocks_far_apart() -> None:
    """The cell whose rounds share one state has a wider interval than those of the blocks."""
    narrower = []
    for seed in range(10):
        noise = lasting(seed)
        cells = series(noise[BLOCKS:], cells=CELLS - 1)
        shifted = []
        for one in cells:
            positions = tuple(place + BLOCKS for place in one.positions)
            shifted.append(SeriesOfRounds(one.values, positions, one.scale))
        values = tuple((100 * (1 + noise[:BLOCKS])).tolist())
        in_row = SeriesOfRounds(values, tuple(range(BLOCKS)), float(np.mean(values)))
        widths = half_widths(spreads([in_row, *shifted]))
        narrower.append(float(np.median(widths[1:])) / widths[0])
    assert float(np.median(narrower)) < 0.9


def test_a_linear_drift_leaves_the_interval_alone() -> None:
    """What a cell took over the time of the session is known as well as without the drift."""
    noise = white(5)
    drift = np.linspace(-0.05, 0.05, len(noise))
    still, drifting = (
        half_widths(spreads(series(noise))),
        half_widths(spreads(series(noise + drift))),
    )
    assert drifting == pytest.approx(still, rel=0.15)


def test_a_cell_that_varies_more_than_the_others_has_a_wider_interval() -> None:
    """And the interval of the quiet ones is not below that of the pooled variance."""
    noise = white(7, 8, 10)
    cells = series(noise, cells=8, blocks=10)
    loud = cells[0]
    values = tuple(100 + 6 * (value - 100) for value in loud.values)
    cells[0] = SeriesOfRounds(values, loud.positions, float(np.mean(values)))
    widths = half_widths(spreads(cells))
    assert widths[0] > 1.5 * widths[1]
    assert widths[1:] == pytest.approx(np.full(7, widths[1]), rel=0.05)


def test_rounds_that_are_all_equal_have_no_spread() -> None:
    """A simulated counter may read the same each time; the interval is then that of its causes."""
    found = spreads(series(np.zeros(CELLS * BLOCKS)))
    assert found is not None
    assert {spread.standard for spread in found} == {0.0}


def test_a_cell_whose_rounds_are_equal_among_others_is_no_proof() -> None:
    """It has the interval of the pooled variance."""
    cells = series(white(2))
    cells[3] = SeriesOfRounds((100.0,) * BLOCKS, cells[3].positions, 100.0)
    widths = half_widths(spreads(cells))
    assert widths[3] > 0.5 * float(np.median(widths))


def test_cells_may_have_different_numbers_of_rounds() -> None:
    """A session may end within a block; fewer rounds leave more uncertain."""
    cells = series(white(4))
    short = cells[2]
    cells[2] = SeriesOfRounds(short.values[:2], short.positions[:2], short.scale)
    widths = half_widths(spreads(cells))
    assert widths[2] > 1.2 * widths[3]


def test_of_a_long_session_the_first_rounds_judge_the_noise() -> None:
    """900 rounds take no longer than 400, and all of them count in their means."""
    found = half_widths(spreads(series(white(6, 9, 100), cells=9, blocks=100)))
    assert found == pytest.approx(np.full(9, 1.96 * 3 / 10), rel=0.4)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1e-6, 1e6))
def test_the_unit_does_not_matter(seed: int, factor: float) -> None:
    """Joules and microjoules have the same relative spread."""
    cells = series(white(seed))
    scaled = []
    for one in cells:
        values = tuple(factor * value for value in one.values)
        scaled.append(SeriesOfRounds(values, one.positions, factor * one.scale))
    assert half_widths(spreads(scaled)) == pytest.approx(factor * half_widths(spreads(cells)))


@pytest.mark.parametrize("noise", ["skewed", "outliers", "drift"])
def test_the_interval_contains_the_truth_as_often_as_it_says(noise: str) -> None:
    """In 40 sessions of eight cells at least 90 of 100 intervals contain the truth."""
    world = KnownWorld(noise, CELLS, BLOCKS, "blocks", seed=11)
    assert world.coverage(40).together >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["white", "heavy-tailed", "states", "lasting", "unequal"])
def test_the_interval_contains_the_truth_in_large_sessions(noise: str) -> None:
    """In 100 sessions of 20 cells at least 92 of 100 intervals contain the truth."""
    world = KnownWorld(noise, 20, BLOCKS, "blocks", seed=11)
    assert world.coverage(100).together >= 0.92
