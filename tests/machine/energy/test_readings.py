"""One step of a counter is believed only where it can be true, and its resolution is no guess."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.machine.energy.readings import EDGE_S, Counter, Reading, resolution, step, total

RANGE_J = 262143.32885
PACKAGE = Counter(
    name="RAPL counter of package-0", max_watts=1000, update_s=0.001, wraps_at_j=RANGE_J
)
GPU = Counter(name="energy counter of H200", max_watts=1500, update_s=0.1)

seconds = st.floats(0.01, 200)
watts = st.floats(1, 1000)


@given(seconds, watts)
def test_plausible_joules_pass_unchanged(s: float, w: float) -> None:
    """What lies within the watts of the counter is returned as it is."""
    assert step(s * w, s, PACKAGE) == Reading(joules=s * w)


@given(seconds, watts)
def test_a_wrap_is_corrected(s: float, w: float) -> None:
    """A counter that started again at 0 gives the true joules."""
    assert step(s * w - RANGE_J, s, PACKAGE).joules == pytest.approx(s * w, abs=1e-6)


@given(st.floats(-1e6, 1e6), st.floats(0.001, 10_000), st.sampled_from([PACKAGE, GPU]))
def test_no_reading_is_impossible_or_without_reason(
    joules: float, s: float, counter: Counter
) -> None:
    """A reading is within [0, what the watts allow], or None with a reason naming the counter."""
    reading = step(joules, s, counter)
    if reading.joules is None:
        assert counter.name in reading.reason
    else:
        assert 0 <= reading.joules <= (s + EDGE_S + counter.update_s) * counter.max_watts
        assert not reading.reason


@pytest.mark.parametrize("s", [1, 200])
def test_a_small_step_back_is_no_wrap(s: float) -> None:
    """A counter that fell by 12.3 J cannot have gone through its whole range within minutes."""
    assert step(-12.3, s, PACKAGE) == Reading(
        reason="RAPL counter of package-0 went backwards by 12.3 J"
    )


def test_a_pause_in_which_a_whole_range_may_pass_is_refused() -> None:
    """Readings that are hours apart cannot tell one wrap from two."""
    assert "may have wrapped more than once" in step(500, 10_000, PACKAGE).reason


def test_a_gpu_counter_is_never_unwrapped() -> None:
    """NVML's counter has no range: backwards is refused."""
    assert (
        step(-RANGE_J + 100, 1, GPU).reason == "energy counter of H200 went backwards by 262043.3 J"
    )


def test_too_many_watts_are_refused() -> None:
    """More than 1500 W for a GPU is a wrong reading; the reason shows the numbers."""
    assert (
        step(3000, 1, GPU).reason
        == "energy counter of H200 moved by 3000.0 J in 1.000 s, more than 1500 W allow"
    )


@pytest.mark.parametrize(("before", "within"), [(300.0, 300.0), (70.0, 600.0), (600.0, 70.0)])
def test_the_resolution_is_what_chance_gives(before: float, within: float) -> None:
    """10,000 windows at random moments miss the truth by the stated standard uncertainty."""
    draw = random.Random(1)
    lags = [(draw.uniform(0, 0.1), draw.uniform(0, 0.1)) for _ in range(10_000)]
    errors = [before * a - within * b for a, b in lags]
    seen = math.sqrt(statistics.fmean(e * e for e in errors))
    assert seen == pytest.approx(resolution(0.1, before, within), rel=0.03)


@given(st.lists(st.floats(0.1, 1e5), min_size=1))
def test_total_adds_what_is_known(joules: list[float]) -> None:
    """Readings of like counters add up, their uncertainties in quadrature."""
    summed = total([Reading(joules=j, uncertainty={"resolution": 3.0}) for j in joules])
    assert summed.joules == pytest.approx(sum(joules))
    assert summed.uncertainty["resolution"] == pytest.approx(3 * math.sqrt(len(joules)))


def test_total_is_unknown_where_one_part_is() -> None:
    """One unknown counter makes the sum unknown, and equal reasons are said once."""
    parts = [Reading(joules=1.0), Reading(reason="a"), Reading(reason="b"), Reading(reason="a")]
    assert total(parts) == Reading(reason="a; b")
