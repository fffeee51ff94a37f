"""The interval printed after ``+-`` covers as it claims, and names what it lacks."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.stats.session_noise import Spread
from greenbench.stats.student import coverage, effective_freedom
from greenbench.stats.uncertainty import (
    NO_DEPENDENCE,
    NO_LONGER_STATES,
    NO_SPREAD,
    SAME_READINGS,
    added,
    energies,
    energy_values,
    over_rounds,
)
from greenbench.types import Energy

joules = st.floats(1, 1e5)


def energy(
    cpu_j: float = 100.0, gpu_j: float | None = None, idle: float | None = None, **causes: float
) -> Energy:
    """Return a window's energy with uncertainties of the CPU, and idle joules known to 1 J."""
    return Energy(
        cpu_j=cpu_j,
        gpu_j=gpu_j,
        sources={
            "cpu": "zeus:rapl",
            "gpu": "none" if gpu_j is None else "zeus:nvml-counter",
            "dram": "none",
        },
        reasons={"dram": "no DRAM zone"} | ({"gpu": "no GPU"} if gpu_j is None else {}),
        uncertainty_j={"cpu": causes},
        idle_j={} if idle is None else {"cpu": idle},
        idle_uncertainty_j={} if idle is None else {"cpu": 1.0},
    )


def test_the_whole_machine_is_a_quantity_beside_the_total_where_it_is_known() -> None:
    """It is in no sum, and cells without such a sensor do not mention it."""
    windows = [energy(100.0), energy(102.0)]
    assert "node_j" not in energies(windows)
    of_whole = []
    for window, joules in zip(windows, (300.0, 310.0), strict=True):
        sources = {**window.sources, "node": "user:meter:Wall"}
        of_whole.append(replace(window, node_j=joules, sources=sources))
    means = energies(of_whole)
    assert (means["node_j"].value, means["total_j"].value) == (305.0, 101.0)
    assert added(of_whole).node_j == 610.0


def test_one_round_has_an_uncertainty_and_says_what_it_lacks() -> None:
    """Its causes combine in quadrature; the spread between rounds is named as missing."""
    known = over_rounds([100.0], [{"resolution": 3.0, "cross_sensor": 4.0}])
    assert (known.value, known.standard, known.lacks) == (100.0, 5.0, (NO_SPREAD,))
    assert known.uncertainty == pytest.approx(1.96 * 5, abs=0.01)


def test_the_interval_of_a_spread_is_student_s() -> None:
    """Without other causes five rounds give the textbook's interval of a mean."""
    values = [10.0, 11.0, 9.0, 10.5, 9.5]
    known = over_rounds(values, [{} for _ in values])
    assert known.uncertainty == pytest.approx(
        2.776 * statistics.stdev(values) / math.sqrt(5), rel=1e-3
    )


def test_every_interval_names_what_it_lacks() -> None:
    """One round lacks the spread, some rounds alone what they share, all together longer states."""
    assert over_rounds([10.0], [{}]).lacks == (NO_SPREAD,)
    assert over_rounds([10.0, 11.0], [{}, {}]).lacks == (NO_DEPENDENCE,)
    assert over_rounds([10.0, 11.0], [{}, {}], Spread(0.5, 20.0)).lacks == (NO_LONGER_STATES,)


def test_the_spread_of_the_session_replaces_that_of_the_rounds() -> None:
    """It is combined with common causes, and its degrees of freedom count."""
    known = over_rounds([10.0, 11.0], [{"model": 0.4}] * 2, Spread(0.3, 8.0))
    assert known.standard == pytest.approx(0.5)
    assert known.causes == {"model": 0.4, "spread": 0.3}
    freedom = effective_freedom({"spread": 0.3, "model": 0.4}, {"spread": 8.0})
    assert known.uncertainty == pytest.approx(0.5 * coverage(freedom))


def test_net_joules_vary_on_the_scale_of_the_gross_ones() -> None:
    """Their mean may be about 0, and says nothing of their noise."""
    values = energy_values([energy(100.0, idle=99.0), energy(104.0, idle=105.0)])
    assert (values["cpu_j"].scale, values["cpu_net_j"].scale) == (102.0, 102.0)


def test_the_interval_contains_the_truth_in_95_of_100_sessions() -> None:
    """In 4,000 sessions of three rounds with a spread and a sensor error the truth is inside."""
    draw = random.Random(7)
    inside = 0
    for _ in range(4000):
        common = draw.gauss(0, 3)
        values = [100 + common + draw.gauss(0, 2) for _ in range(3)]
        known = over_rounds(values, [{"cross_sensor": 3.0}] * 3)
        assert known.value is not None
        assert known.uncertainty is not None
        inside += abs(known.value - 100) <= known.uncertainty
    assert 0.93 <= inside / 4000 <= 0.98


@given(st.lists(joules, min_size=2, max_size=8), st.floats(0.1, 50))
def test_what_is_common_to_all_rounds_does_not_average_out(
    values: list[float], common: float
) -> None:
    """No number of rounds makes a biased sensor better."""
    known = over_rounds(values, [{"model": common} for _ in values])
    assert known.standard is not None
    assert known.standard >= common * (1 - 1e-12)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_a_small_spread_of_few_rounds_does_not_look_certain(rounds: int, ratio: float) -> None:
    """The truth is inside at least 93 times of 100, for any noise and few rounds."""
    draw = random.Random(11)
    inside = 0
    for _ in range(2000):
        known = over_rounds(
            [draw.gauss(100, ratio) for _ in range(rounds)], [{"resolution": 1.0}] * rounds
        )
        inside += abs((known.value or 0) - 100) <= (known.uncertainty or 0)
    assert inside / 2000 >= 0.93


def test_the_resolution_is_not_counted_twice() -> None:
    """The spread of rounds includes the counter's resolution; the wider of the two counts."""
    assert over_rounds([90.0, 110.0], [{"resolution": 1.0}] * 2).causes == {
        "spread": pytest.approx(10.0)
    }
    alike = over_rounds([100.0, 100.0], [{"resolution": 2.0}] * 2)
    assert alike.causes == {"resolution": pytest.approx(math.sqrt(2))}


@given(st.integers(1, 50), st.floats(0.1, 10), st.floats(0, 10))
def test_effective_freedom_lies_between_the_spread_s_and_infinity(
    freedom: int, spread: float, other: float
) -> None:
    """A cause that is known exactly can only add certainty about the whole."""
    assert (
        effective_freedom({"spread": spread, "model": other}, {"spread": freedom})
        >= freedom * 0.999
    )
    assert coverage(freedom) >= coverage(math.inf)


def test_net_is_never_clamped_and_carries_the_idle_s_uncertainty() -> None:
    """A window that used less than the idle machine has negative net joules."""
    known = energies([energy(100.0, idle=103.0, resolution=1.0)])
    assert known["cpu_net_j"].value == pytest.approx(-3)
    assert known["cpu_net_j"].standard == pytest.approx(math.sqrt(2))
    assert known["total_net_j"].value == known["cpu_net_j"].value


def test_what_is_not_known_has_its_reason() -> None:
    """A missing counter, unknown idle power and rounds of different channels each have a reason."""
    known = energies([energy(100.0)])
    assert known["gpu_j"].reason == "no GPU"
    assert known["cpu_net_j"].reason == "the idle power is not known for every channel"
    mixed = energies([energy(100.0), energy(100.0, gpu_j=5.0)])
    assert (mixed["total_j"].value, mixed["total_j"].reason) == (
        None,
        "the rounds do not know the same channels",
    )
    assert mixed["cpu_j"].value == 100
    assert mixed["gpu_j"].value is None


@given(joules, joules, st.floats(0, 10), st.floats(0, 10))
def test_windows_add_up(one: float, other: float, a: float, b: float) -> None:
    """Joules add; what is random adds in quadrature, what is common adds straight."""
    both = added(
        [
            energy(one, idle=1.0, resolution=a, model=a),
            energy(other, idle=2.0, resolution=b, model=b),
        ]
    )
    assert both.cpu_j == pytest.approx(one + other)
    assert both.idle_j == {"cpu": 3.0}
    assert both.uncertainty_j["cpu"] == {
        "resolution": pytest.approx(math.hypot(a, b)),
        "model": pytest.approx(a + b),
    }


def test_a_window_that_lacks_a_channel_makes_the_sum_lack_it() -> None:
    """A sum of what happens to be known would look complete."""
    both = added([energy(1.0, gpu_j=2.0), energy(1.0)])
    assert (both.cpu_j, both.gpu_j, both.reasons["gpu"]) == (2.0, None, "no GPU")


def test_a_single_round_without_known_causes_has_no_uncertainty() -> None:
    """Unknown is not 0: nothing shows how far one measured time may be off."""
    single = over_rounds([2.0], [{}])
    assert (single.value, single.uncertainty, single.standard) == (2.0, None, None)
    assert over_rounds([2.0, 2.2], [{}, {}]).uncertainty is not None


def test_rounds_that_read_the_same_do_not_count_as_exact() -> None:
    """Two rounds of a microsecond may take the same nanoseconds: that shows no spread of 0."""
    quantity = over_rounds([1e-6, 1e-6], [{}, {}])
    assert quantity.uncertainty is None
    assert quantity.standard is None
    assert quantity.causes == {}
    assert quantity.lacks == (SAME_READINGS,)
