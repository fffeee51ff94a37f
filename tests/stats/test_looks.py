"""Levels of repeated looks: published boundaries, and what all looks spend together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri

from greenbench.stats.looks import Look, Looks
from greenbench.stats.spending import ends_of_looks, levels, spent

FIVE = tuple(number / 5 for number in range(1, 6))


def test_the_ends_are_those_of_published_designs_of_five_looks() -> None:
    """Two-sided 5 %: Lan and DeMets's functions, as the programs of Reboussin et al. (2000) do."""
    of_levels = [-float(ndtri(level)) for level in levels(FIVE, 0.025)]
    assert of_levels == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)
    like_pocock = [0.025 * math.log(1 + (math.e - 1) * fraction) for fraction in FIVE]
    ends = ends_of_looks(FIVE, like_pocock)
    assert ends == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-4)


@pytest.mark.parametrize(("first", "most"), [(3, 8), (5, 6), (3, 3), (4, 20)])
def test_all_looks_together_spend_the_error_rate(first: int, most: int) -> None:
    """A random walk without drift is beyond any of the ends in 2.5 % of 100,000 cases."""
    looks = Looks(first, most)
    walk = np.random.default_rng(1).normal(size=(100_000, most)).cumsum(axis=1)
    alarms = np.zeros(len(walk), dtype=bool)
    for blocks in range(first, most + 1):
        end = -ndtri(looks.level(blocks))
        alarms |= walk[:, blocks - 1] / math.sqrt(blocks) > end
    assert alarms.mean() == pytest.approx(0.025, abs=0.0015)


def test_one_look_costs_nothing() -> None:
    """Its level is that of an ordinary test, and its p-value is repeated as it is."""
    look = Look(Looks(5, 5), 5)
    assert look.level == pytest.approx(0.025)
    assert [look.repeated(p) for p in (0.3, 0.01, 1e-6)] == pytest.approx([0.3, 0.01, 1e-6], 0.01)


@pytest.mark.parametrize("blocks", [3, 4, 8])
@pytest.mark.parametrize("rate", [0.4, 0.025, 0.0007, 1e-6])
def test_a_repeated_p_value_is_the_rate_that_the_look_just_rejects_with(
    blocks: int, rate: float
) -> None:
    """Interpolation between tabulated rates is within 1 %."""
    level = levels(tuple(number / 8 for number in range(3, 9)), rate)[blocks - 3]
    assert Looks(3, 8).repeated(level, blocks) == pytest.approx(rate, rel=0.01)


def test_repeated_p_values_stay_within_what_is_tabulated() -> None:
    """Tiny ones are not made smaller, and large ones say nothing."""
    assert Looks(3, 8).repeated(0.0, 8) == pytest.approx(1e-8)
    assert Looks(3, 8).repeated(0.9, 8) == 1.0


def test_a_session_that_ended_before_its_first_look_has_the_level_of_that_one() -> None:
    """An interrupted session took no look that had been planned."""
    assert Looks(5, 8).level(2) == Looks(5, 8).level(5)


def test_everything_is_spent_with_all_data_and_hardly_anything_before() -> None:
    """The function is like O'Brien and Fleming's boundaries."""
    assert spent(1.0, 0.025) == pytest.approx(0.025)
    assert spent(0.2, 0.025) < 1e-6
