"""A counter is followed through faults: what is certain is corrected, the rest has no joules."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.machine.energy.readings import Counter, Reading
from greenbench.machine.energy.track import Track

RANGE_J = 262143.32885
PACKAGE = Counter(
    name="RAPL counter of package-0", max_watts=1000, update_s=0.001, wraps_at_j=RANGE_J
)
SMALL = Counter(name="RAPL counter of package-0", max_watts=1000, update_s=0.001, wraps_at_j=500)
GPU = Counter(name="energy counter of H200", max_watts=1500, update_s=0.1)

powers = st.lists(st.floats(5, 900), min_size=2, max_size=60)


def followed(counter: Counter, samples: list[tuple[float, float]]) -> Reading:
    """Return the window from the first to the last of ``samples``: times and counter values."""
    track = Track(counter)
    (first_at, first), *rest = samples
    track.sample(first_at, first)
    start = track.mark()
    for at, raw in rest:
        track.sample(at, raw)
    seconds = samples[-1][0] - first_at
    return track.between(start, track.mark(), seconds)


def shown(
    watts: list[float], start_j: float, size: float | None, gap_s: float = 0.1
) -> list[tuple[float, float]]:
    """Return what a perfect counter shows every ``gap_s``, for the ``watts`` in each gap."""
    joules = [start_j + gap_s * sum(watts[:i]) for i in range(len(watts) + 1)]
    return [(i * gap_s, j % size if size else j) for i, j in enumerate(joules)]


@given(powers, st.floats(0, RANGE_J - 1))
def test_a_wrap_anywhere_is_corrected(watts: list[float], start_j: float) -> None:
    """A counter of usual size that restarts at 0 somewhere in the window gives the true joules."""
    near_the_end = RANGE_J - 0.5 * start_j / RANGE_J
    assert followed(PACKAGE, shown(watts, near_the_end, RANGE_J)).joules == pytest.approx(
        0.1 * sum(watts), rel=1e-6
    )


@given(powers, st.floats(0, 499))
def test_any_number_of_wraps_is_corrected(watts: list[float], start_j: float) -> None:
    """A counter of 500 J that wraps again and again gives the true joules, at either edge too."""
    assert followed(SMALL, shown(watts, start_j, 500)).joules == pytest.approx(
        0.1 * sum(watts), rel=1e-6
    )


def test_wraps_that_nobody_can_count_have_no_joules() -> None:
    """Two readings of a counter of 500 J a second apart: at 1000 W it may have wrapped twice."""
    reading = followed(SMALL, [(0, 0.0), (1, 100.0)])
    assert reading.joules is None
    assert reading.reason == (
        "RAPL counter of package-0 may have wrapped more than once "
        "in the 1.0 s between two readings"
    )


@given(powers, st.integers(1, 59), st.floats(20, 2000))
def test_a_single_wrong_reading_is_left_out(watts: list[float], where: int, fall: float) -> None:
    """One reading too low between right ones changes nothing, and is told."""
    samples = shown(watts, 5000, None)
    where = min(where, len(samples) - 2)
    reading = followed(
        GPU, [(at, raw - fall * (i == where) * 10) for i, (at, raw) in enumerate(samples)]
    )
    assert reading.joules == pytest.approx(0.1 * sum(watts), rel=1e-6)
    assert "1 reading(s) of the energy counter of H200 were impossible" in reading.doubts[0]


def test_a_counter_that_starts_again_has_no_joules() -> None:
    """A GPU that was reset counts from 0: that window is lost, and the one after it is whole."""
    samples = [(0, 1000.0), (0.1, 1030.0), (0.2, 3.0), (0.3, 33.0)]
    assert followed(GPU, samples).reason == "energy counter of H200 went backwards by 1027.0 J"
    assert followed(GPU, samples[2:]).joules == pytest.approx(30)


def test_an_edge_that_stays_impossible_has_no_joules() -> None:
    """A last reading that fits nothing cannot be told from a broken counter."""
    assert followed(GPU, [(0, 1000.0), (0.1, 1030.0), (0.2, 900.0)]).reason.endswith(
        "went backwards by 130.0 J"
    )


def test_too_many_watts_have_no_joules() -> None:
    """A counter in the wrong unit, a thousand times too fast."""
    samples = [(at, raw * 1000) for at, raw in shown([300.0] * 10, 50, None)]
    assert "more than 1500 W allow" in followed(GPU, samples).reason


def test_a_counter_that_stands_still_for_long_has_no_joules() -> None:
    """A second without a movement of a counter that moves every tenth may have lost joules."""
    watts = [300.0] * 5 + [0.0] * 12 + [300.0] * 5
    assert "energy counter of H200 stood still for" in followed(GPU, shown(watts, 0, None)).reason


def test_a_short_standstill_widens_the_uncertainty() -> None:
    """0.4 s are too short to refuse the window: what may be lost is in the uncertainty."""
    watts = [300.0] * 20 + [0.0] * 4 + [300.0] * 20
    reading = followed(GPU, shown(watts, 0, None))
    assert reading.joules == pytest.approx(1200)
    assert reading.uncertainty["stall"] == pytest.approx(0.4 * 1200 / 4.0 / math.sqrt(3), rel=1e-3)
    assert abs(1320 - 1200) < 2 * math.hypot(*reading.uncertainty.values())


def test_a_counter_that_did_not_move_measured_nothing() -> None:
    """0 J is None with a reason."""
    assert followed(GPU, [(0, 5.0), (0.03, 5.0)]).reason == (
        "energy counter of H200 did not move in 0.030 s (it moves about every 0.1 s)"
    )


@given(st.floats(30, 900), st.floats(0, 0.1), st.floats(0, 0.1), st.floats(0.15, 5))
def test_the_resolution_covers_what_a_slow_counter_hides(
    watts: float, lag_a: float, lag_b: float, seconds: float
) -> None:
    """A steady device's true joules lie within 2.5 standard uncertainties, at whatever edges."""
    reading = followed(GPU, [(0, 1e4 - watts * lag_a), (seconds, 1e4 + watts * (seconds - lag_b))])
    assert reading.joules is not None
    allowed = 2.5 * reading.uncertainty["resolution"]
    assert (
        abs(reading.joules - watts * seconds)
        <= allowed * max(1.0, watts * seconds / reading.joules) + 1e-6
    )


def test_whole_joules_are_uncertain_by_their_rounding() -> None:
    """It is independent of the lag, and both are the resolution."""
    samples = shown([20.0] * 20, 100, None)
    fine = followed(GPU, samples).uncertainty["resolution"]
    whole = followed(replace(GPU, step_j=1.0), samples).uncertainty["resolution"]
    assert whole**2 - fine**2 == pytest.approx(1 / 6)


def test_short_windows_are_coarse() -> None:
    """One update period of 0.1 s is more than 5 % of a second, and less of three."""
    assert followed(GPU, shown([300.0] * 10, 0, None)).coarse
    assert not followed(GPU, shown([300.0] * 30, 0, None)).coarse


def test_many_short_standstills_are_one_large_warning() -> None:
    """A counter that loses 0.25 s of every 0.5 s: each pause is short, and half of it is lost."""
    watts = ([400.0] * 5 + [0.0] * 5) * 40
    reading = followed(PACKAGE, shown(watts, 0, None, 0.05))
    true = 0.05 * 400 * len(watts)
    assert reading.joules == pytest.approx(true / 2)
    assert abs(true - true / 2) < 2 * math.hypot(*reading.uncertainty.values())
    assert "now and then" in reading.doubts[0]


def test_a_counter_that_was_not_read_for_long_gives_a_warning() -> None:
    """If nothing was read for 3 s, wraps are still counted, but standstills were not seen."""
    reading = followed(PACKAGE, [(0, 0.0), (0.1, 30.0), (3.1, 930.0), (3.2, 960.0)])
    assert reading.joules == pytest.approx(960)
    assert "was not read for 3.0 of 3.2 s" in reading.doubts[0]
