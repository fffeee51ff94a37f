"""A counter's difference is believed only where it can be true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.energy.readings import EDGE_S, Counter, Reading, checked, total

RANGE_J = 262143.32885
PACKAGE = Counter(name="RAPL counter of package-0", max_watts=1000, update_s=0.001, wraps_at_j=RANGE_J)
GPU = Counter(name="energy counter of H200", max_watts=1500, update_s=0.1)

seconds = st.floats(0.01, 200)
watts = st.floats(1, 1000)


@given(seconds, watts)
def test_plausible_joules_pass_unchanged(s: float, w: float) -> None:
    """What lies within the watts of the counter is returned as it is."""
    assert checked(s * w, s, PACKAGE) == Reading(joules=s * w)


@given(seconds, watts, st.sampled_from([-RANGE_J, RANGE_J]))
def test_a_wrap_missed_or_counted_late_is_mended(s: float, w: float, slip: float) -> None:
    """A difference that is off by one range of the counter gives the true joules."""
    assert checked(s * w + slip, s, PACKAGE).joules == pytest.approx(s * w, abs=1e-6)


@given(st.floats(-1e6, 1e6), st.floats(0.001, 10_000), st.sampled_from([PACKAGE, GPU]))
def test_no_reading_is_impossible_or_without_reason(joules: float, s: float, counter: Counter) -> None:
    """A reading is either within (0, what the watts allow], or None with a reason that names the counter."""
    reading = checked(joules, s, counter)
    if reading.joules is None:
        assert counter.name in reading.reason
    else:
        assert 0 < reading.joules <= (s + EDGE_S) * counter.max_watts
        assert not reading.reason


@pytest.mark.parametrize("s", [1, 300, 10_000])
def test_a_small_step_back_is_no_wrap(s: float) -> None:
    """A counter that fell by 12.3 J is refused, also in windows in which a whole range might pass."""
    assert checked(-12.3, s, PACKAGE) == Reading(reason="RAPL counter of package-0 went backwards by 12.3 J")


def test_a_gpu_counter_is_never_unwrapped() -> None:
    """NVML's counter has no range: backwards is refused."""
    assert checked(-RANGE_J + 100, 1, GPU).reason == "energy counter of H200 went backwards by 262043.3 J"


def test_too_many_watts_are_refused() -> None:
    """More than 1500 W for a GPU is a wrong reading; the reason shows the numbers."""
    assert checked(3000, 1, GPU).reason == "energy counter of H200 moved by 3000.0 J in 1.000 s, more than 1500 W allow"


def test_a_counter_that_did_not_move_measured_nothing() -> None:
    """0 J is None with a reason: the window was too short, or the counter is dead."""
    expected = "energy counter of H200 did not move in 0.030 s (it moves about every 0.1 s)"
    assert checked(0, 0.03, GPU) == Reading(reason=expected)


@given(st.lists(st.floats(0.1, 1e5), min_size=1))
def test_total_adds_what_is_known(joules: list[float]) -> None:
    """Readings of like counters add up."""
    assert total([Reading(joules=j) for j in joules]) == Reading(joules=sum(joules))


def test_total_is_unknown_where_one_part_is() -> None:
    """One unknown counter makes the sum unknown, and equal reasons are said once."""
    parts = [Reading(joules=1.0), Reading(reason="a"), Reading(reason="b"), Reading(reason="a")]
    assert total(parts) == Reading(reason="a; b")
