"""Rounds that share the machine's state count for less, as much less as closed forms and simulated rounds say."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.gates.dependence import CELLS, MORE, WIDEST, corrected
from greenbench.gates.verdict import Estimate
from greenbench.stats.autocorrelation import correlation, freedom, inflation, likeness

RHO = st.floats(0.01, 0.94)
COUNT = st.integers(3, 40)


def matrix(rounds: int, rho: float):
    """Return the correlations of successive values."""
    at = np.arange(rounds)
    return rho ** np.abs(at[:, None] - at[None, :])


def lasting(noise: random.Random, rounds: int, rho: float) -> list[float]:
    """Draw successive values."""
    values = [noise.gauss(0, 1)]
    while len(values) < rounds:
        values.append(rho * values[-1] + (1 - rho**2) ** 0.5 * noise.gauss(0, 1))
    return values


@given(COUNT, RHO)
def test_closed_forms_are_those_of_the_matrix(rounds: int, rho: float) -> None:
    """Mean correlation, inflation and Satterthwaite's freedom."""
    known, centre = matrix(rounds, rho), np.eye(rounds) - 1 / rounds
    pairs = (known.sum() - rounds) / (rounds * (rounds - 1))
    assert likeness(rounds, rho) == pytest.approx(pairs)
    within = np.trace(centre @ known) / (rounds - 1)
    assert inflation(rounds, rho) == pytest.approx(known.sum() / rounds / within)
    product = centre @ known
    assert freedom(rounds, rho) == pytest.approx(
        np.trace(product) ** 2 / np.trace(product @ product)
    )


@given(COUNT)
def test_independent_rounds_are_as_they_were(rounds: int) -> None:
    """Nothing is inflated, and one degree of freedom goes to the mean."""
    assert (likeness(rounds, 0.0), inflation(rounds, 0.0), freedom(rounds, 0.0)) == (
        0.0,
        1.0,
        rounds - 1,
    )


@pytest.mark.parametrize(("rounds", "rho"), [(3, 0.6), (5, 0.3), (5, 0.85), (12, 0.5)])
def test_the_correlation_is_found_from_many_short_series(rounds: int, rho: float) -> None:
    """Their different means do not matter, nor how few rounds each has."""
    noise = random.Random(5)
    series = [[100 * i + v for v in lasting(noise, rounds, rho)] for i in range(2000)]
    assert correlation(series) == pytest.approx(rho, abs=0.06)


def test_independent_rounds_are_told_as_such() -> None:
    """On the whole."""
    noise = random.Random(6)
    assert correlation([lasting(noise, 5, 0.0) for _ in range(2000)]) <= 0.05


@pytest.mark.parametrize(
    "series", [[], [[1.0, 2.0]] * 50, [[1.0, 2.0, 3.0, 2.0]] * 3, [[1.0] * 9] * 9]
)
def test_too_little_tells_nothing(series: list[list[float]]) -> None:
    """Two rounds a cell, few cells, or no spread at all."""
    assert correlation(series) == 0.0


def one(margin: float, spread: float = 0.02, series=((0.0, 0.01, 0.02, 0.03, 0.04),)) -> Estimate:
    """Return a cell's estimate from five rounds."""
    u = spread / 5**0.5
    return Estimate(
        margin=margin, below=u, above=u, freedom=4, spread=spread, rounds=5, series=series
    )


def scattered(found: list[Estimate], *, unchanged: bool) -> list[bool]:
    """Say of each cell whether the scatter of all counts for it."""
    return ["scatter" in one.how for one in corrected(found, unchanged=unchanged)]


def test_alike_rounds_widen_the_uncertainty_and_lose_freedom() -> None:
    """Steadily growing joules are not five independent measurements."""
    found = corrected([one(0.0)] * 10, unchanged=False)[0]
    assert found.correlation > 0.5
    assert found.below == pytest.approx(0.02 / 5**0.5 * inflation(5, found.correlation) ** 0.5)
    assert found.freedom == pytest.approx(freedom(5, found.correlation))
    assert "correlated by" in found.how


def test_what_cells_scatter_by_is_noise_where_most_are_unchanged() -> None:
    """Their rounds agree, and yet the cells differ from the saved run by far more: something outlasted a cell."""
    noise = random.Random(7)
    steady = ((0.0, 0.01, 0.0, 0.01, 0.0),)
    margins = [noise.gauss(0, 0.08) for _ in range(20)]
    cells = [one(m, 0.005, steady) for m in margins]
    found = corrected(cells, unchanged=True)
    assert len({f.below for f in found}) == 1
    assert 0.05 < found[0].below <= WIDEST
    assert all("20 cells scatter more" in f.how for f in found)
    assert not any(scattered(cells, unchanged=False))


def test_half_of_the_cells_may_change() -> None:
    """The others say what noise there is."""
    steady = ((0.0, 0.01, 0.0, 0.01, 0.0),)
    assert not any(
        scattered(
            [one(m, 0.01, steady) for m in [0.0, 0.001, -0.001, 0.0005] + [-0.7] * 4],
            unchanged=True,
        )
    )


def test_no_scatter_hides_what_no_state_of_a_machine_explains() -> None:
    """All cells are worse, each by something else: that is not taken for noise of that size."""
    worse = [one(-0.2 * i, 0.005, ((0.0, 0.01, 0.0, 0.01, 0.0),)) for i in range(1, 11)]
    assert {f.below for f in corrected(worse, unchanged=True)} == {WIDEST}


def test_one_cell_that_changed_does_not_make_the_others_noisy() -> None:
    """An outlier is a change; and a change of all alike is no scatter."""
    steady = ((0.0, 0.01, 0.0, 0.01, 0.0),)
    for margins in ([0.0] * 19 + [-0.5], [-0.5] * 20):
        assert not any(scattered([one(m, 0.01, steady) for m in margins], unchanged=True))


def test_few_cells_have_no_scatter_to_go_by() -> None:
    """With a handful a change could not be told from noise."""
    cells = [one(0.1 * i, 0.001, ()) for i in range(CELLS - 1)]
    assert not any(scattered(cells, unchanged=True))
    assert MORE > 1


def test_one_round_against_many_is_left_to_its_twenty_percent() -> None:
    """It has no spread that could be too small."""
    single = Estimate(
        margin=0.1,
        below=0.1,
        above=0.1,
        spread=0.1,
        rounds=1,
        series=((0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),),
    )
    assert corrected([single] * 9, unchanged=False) == [single] * 9


def test_scores_and_counts_are_left_alone() -> None:
    """They have no rounds to be dependent."""
    score = Estimate(margin=0.1, below=0.05, above=0.02)
    assert corrected([score] * 12, unchanged=True) == [score] * 12
