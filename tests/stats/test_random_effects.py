"""Values of several hosts, combined as a random effect."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.stats import random_effects
from greenbench.stats.random_effects import across_hosts
from greenbench.stats.student import quantile

BCG = [
    *((-0.8893, 0.3256), (-1.5854, 0.1946), (-1.3481, 0.4154), (-1.4416, 0.0200)),
    *((-0.2175, 0.0512), (-0.7861, 0.0069), (-1.6209, 0.2230), (0.0120, 0.0040)),
    *((-0.4694, 0.0564), (-1.3713, 0.0730), (-0.3394, 0.0124), (0.4459, 0.5325)),
    (-0.0173, 0.0714),
]
"""Log risk ratios of 13 trials of the BCG vaccine, with variances (Colditz et al., JAMA 1994)."""
values = st.floats(-2, 2)
hosts = st.lists(st.lists(values, min_size=1, max_size=4), min_size=1, max_size=6)


def covers(noise: random.Random, blocks: list[int], between: float) -> bool:
    """Whether the interval of one simulated fleet contains the true 0."""
    fleet = []
    for count in blocks:
        own = noise.gauss(0, between)
        fleet.append([own + noise.gauss(0, 0.05) for _ in range(count)])
    found = across_hosts(fleet)
    return abs(found.mean) <= quantile(found.freedom) * found.standard


def test_the_variance_between_trials_is_that_of_the_published_example() -> None:
    """Paule and Mandel's estimate on the BCG trials is 0.318, as metafor gives it."""
    between = random_effects._between([y for y, _ in BCG], [v for _, v in BCG])
    assert between == pytest.approx(0.318, abs=0.001)


def test_hosts_of_as_many_blocks_give_the_t_interval_of_their_means() -> None:
    """In a balanced fleet nothing but the hosts' means decides, whichever estimate is taken."""
    fleet = [[0.1, 0.3], [0.7, 0.5], [-0.2, 0.4]]
    means = [statistics.fmean(host) for host in fleet]
    found = across_hosts(fleet)
    assert found.mean == pytest.approx(statistics.fmean(means))
    assert found.standard == pytest.approx(statistics.stdev(means) / math.sqrt(3))
    assert found.freedom == 2


def test_a_single_host_tells_nothing_of_how_hosts_differ() -> None:
    """Its blocks give Student's t, and no spread between hosts; a single block no spread at all."""
    found = across_hosts([[1.0, 2.0, 3.0]])
    assert (found.mean, found.standard, found.freedom) == (2.0, pytest.approx(1 / math.sqrt(3)), 2)
    assert found.between is None
    assert across_hosts([[1.0]]).standard is None


@given(hosts, values)
def test_a_shift_of_all_values_shifts_the_mean_alone(fleet: list[list[float]], by: float) -> None:
    """Neither order of hosts nor the place of zero changes how uncertain the mean is."""
    found = across_hosts(fleet)
    moved = across_hosts([[value + by for value in host] for host in reversed(fleet)])
    assert moved.mean == pytest.approx(found.mean + by, abs=1e-6)
    lows = [min(host) for host in fleet]
    highs = [max(host) for host in fleet]
    assert min(lows) - 1e-9 <= found.mean <= max(highs) + 1e-9
    if found.standard is not None and found.standard > 1e-4:
        assert moved.standard == pytest.approx(found.standard, rel=1e-3)


@pytest.mark.parametrize("between", [0.0, 0.1])
def test_intervals_cover_the_truth_with_uneven_hosts(between: float) -> None:
    """Of 400 fleets of 8 hosts with 1 to 9 blocks each, 92 to 98 % of the intervals contain it."""
    noise = random.Random(7)
    blocks = [5, 5, 1, 9, 3, 5, 2, 5]
    covered = sum(covers(noise, blocks, between) for _ in range(400))
    assert 0.92 <= covered / 400 <= 0.98
