"""Rounds that share the machine's state count for less, by closed forms and by simulation."""

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
    """Mean correlation, inflation and Satterthwaite's freedom are those of the matrix."""
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
    """Without correlation nothing is inflated, and the mean takes one degree of freedom."""
    assert (likeness(rounds, 0.0), inflation(rounds, 0.0), freedom(rounds, 0.0)) == (
        0.0,
        1.0,
        rounds - 1,
    )


@pytest.mark.parametrize(("rounds", "rho"), [(3, 0.6), (5, 0.3), (5, 0.85), (12, 0.5)])
def test_the_correlation_is_found_from_many_short_series(rounds: int, rho: float) -> None:
    """The correlation is found in series of few rounds with different means."""
    noise = random.Random(5)
    series = [[100 * i + v for v in lasting(noise, rounds, rho)] for i in range(2000)]
    assert correlation(series) == pytest.approx(rho, abs=0.06)


def test_independent_rounds_have_next_to_no_correlation() -> None:
    """Of 2,000 independent series the estimate is at most 0.05."""
    noise = random.Random(6)
    assert correlation([lasting(noise, 5, 0.0) for _ in range(2000)]) <= 0.05


@pytest.mark.parametrize(
    "series", [[], [[1.0, 2.0]] * 50, [[1.0, 2.0, 3.0, 2.0]] * 3, [[1.0] * 9] * 9]
)
def test_too_few_rounds_give_no_correlation(series: list[list[float]]) -> None:
    """Two rounds a cell, few cells or no spread give a correlation of 0."""
    assert correlation(series) == 0.0


def one(margin: float, spread: float = 0.02, series=((0.0, 0.01, 0.02, 0.03, 0.04),)) -> Estimate:
    """Return a cell's estimate from five rounds."""
    u = spread / 5**0.5
    return Estimate(
        margin=margin, below=u, above=u, freedom=4, spread=spread, rounds=5, series=series
    )


def scattered(found: list[Estimate], *, unchanged: bool) -> list[bool]:
    """Return, for each cell, whether the scatter of all widened its interval."""
    return ["scatter" in one.how for one in corrected(found, unchanged=unchanged)]


def test_correlated_rounds_widen_the_uncertainty_and_lose_freedom() -> None:
    """Steadily growing joules have the inflation and the freedom of their correlation."""
    found = corrected([one(0.0)] * 10, unchanged=False)[0]
    assert found.correlation > 0.5
    assert found.below == pytest.approx(0.02 / 5**0.5 * inflation(5, found.correlation) ** 0.5)
    assert found.freedom == pytest.approx(freedom(5, found.correlation))
    assert "correlated by" in found.how


def test_scatter_of_unchanged_cells_is_noise() -> None:
    """Cells that differ by far more than their rounds do share one wider interval."""
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
    """Four of eight cells change, and the scatter of the others counts."""
    steady = ((0.0, 0.01, 0.0, 0.01, 0.0),)
    assert not any(
        scattered(
            [one(m, 0.01, steady) for m in [0.0, 0.001, -0.001, 0.0005] + [-0.7] * 4],
            unchanged=True,
        )
    )


def test_scatter_is_limited_to_what_a_machine_can_cause() -> None:
    """Cells that are all worse, by different amounts, are widened by ``WIDEST`` at most."""
    worse = [one(-0.2 * i, 0.005, ((0.0, 0.01, 0.0, 0.01, 0.0),)) for i in range(1, 11)]
    assert {f.below for f in corrected(worse, unchanged=True)} == {WIDEST}


def test_one_cell_that_changed_does_not_make_the_others_noisy() -> None:
    """Neither an outlier nor a change of all cells alike is scatter."""
    steady = ((0.0, 0.01, 0.0, 0.01, 0.0),)
    for margins in ([0.0] * 19 + [-0.5], [-0.5] * 20):
        assert not any(scattered([one(m, 0.01, steady) for m in margins], unchanged=True))


def test_few_cells_have_no_scatter() -> None:
    """With fewer than ``CELLS`` cells no interval is widened."""
    cells = [one(0.1 * i, 0.001, ()) for i in range(CELLS - 1)]
    assert not any(scattered(cells, unchanged=True))
    assert MORE > 1


def test_one_round_against_many_keeps_its_twenty_percent() -> None:
    """A single round has no spread that a correlation could widen."""
    single = Estimate(
        margin=0.1,
        below=0.1,
        above=0.1,
        spread=0.1,
        rounds=1,
        series=((0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),),
    )
    assert corrected([single] * 9, unchanged=False) == [single] * 9


def test_scores_and_counts_stay_as_they_are() -> None:
    """Estimates without rounds are not widened."""
    score = Estimate(margin=0.1, below=0.05, above=0.02)
    assert corrected([score] * 12, unchanged=True) == [score] * 12
