"""The power sensor checks the counter only where it was there to check it."""

from __future__ import annotations

import pytest

from greenbench.machine.energy.power_sensor import PowerTrace, cross_checked
from greenbench.machine.energy.readings import Counter, Reading

GPU = Counter(name="energy counter of H200", max_watts=1500, update_s=0.02)


def checked(trace: PowerTrace, times: list[float], watts: float, joules: float) -> Reading:
    """Return a counter's ``joules`` compared with ``watts`` at ``times``, from edge to edge."""
    trace.sample(times[0], watts)
    start = trace.mark(times[0])
    for at in times[1:]:
        trace.sample(at, watts)
    return cross_checked(
        Reading(joules=joules),
        trace.between(start, trace.mark(times[-1])),
        times[-1] - times[0],
        GPU,
    )


def every(seconds: float, start: float = 0.0) -> list[float]:
    """Return a look every tenth of a second."""
    return [start + i / 10 for i in range(round(seconds * 10) + 1)]


def test_agreement_is_quiet() -> None:
    """300 W for 2 s, counted and integrated."""
    reading = checked(PowerTrace(), every(2), 300, 600)
    assert reading.uncertainty["cross_sensor"] == pytest.approx(0, abs=1e-9)
    assert reading.doubts == ()


def test_disagreement_is_reported_above_five_percent() -> None:
    """An eighth apart: in the uncertainty, and a doubt."""
    reading = checked(PowerTrace(), every(2), 300, 675)
    assert reading.uncertainty["cross_sensor"] == pytest.approx(75 / 3**0.5)
    assert "they differ by 11 %" in reading.doubts[0]


def test_a_sensor_that_was_silent_before_the_window_says_nothing_of_it() -> None:
    """The line from its last answer a minute ago is no integral of this window."""
    trace = PowerTrace()
    trace.sample(1.0, 300)
    assert checked(trace, every(2, 61.0), 300, 600).doubts == ()


@pytest.mark.parametrize("times", [[*every(1), *every(1, 3.0)], every(0.5)])
def test_a_sensor_that_is_silent_within_the_window_does_not_check_it(times: list[float]) -> None:
    """A gap of two seconds, or too few answers."""
    assert "cross_sensor" not in checked(PowerTrace(), times, 300, 1200).uncertainty


def test_a_sensor_that_is_silent_at_the_edge_does_not_check_it() -> None:
    """It answered for the first second of three."""
    trace = PowerTrace()
    trace.sample(0.0, 300)
    start = trace.mark(0.0)
    for at in every(1.5)[1:]:
        trace.sample(at, 300)
    assert (
        "cross_sensor"
        not in cross_checked(
            Reading(joules=900), trace.between(start, trace.mark(3.0)), 3, GPU
        ).uncertainty
    )
