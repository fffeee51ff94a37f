"""Margins and their intervals agree with closed forms and with SciPy's own tests."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from greenbench.gates.decisions import OpenCell, decide
from greenbench.gates.expression import parse
from greenbench.gates.margins import SINGLE, Z, bounds, chance, estimate
from greenbench.gates.metrics import Readings
from greenbench.gates.verdict import judged

JOULES = st.floats(1.0, 1e6)
SEVERAL = st.lists(JOULES, min_size=2, max_size=8)


def of(values, first: int = 0, **more) -> Readings:
    """Return readings by seed."""
    return Readings(
        values={first + i: v for i, v in enumerate(values)},
        size=abs(statistics.fmean(values)),
        **more,
    )


def ends(gate: str, here: Readings, there: Readings | None, drift: float = 0.0) -> list[float]:
    """Return the change's interval, low end first."""
    found = estimate(parse(gate), here, there, drift)
    return sorted(found.shown(m) for m in bounds(found))


@given(here=SEVERAL, data=st.data())
def test_rounds_of_the_same_seeds_take_the_paired_t_test(here, data) -> None:
    """The p-value is that of SciPy's paired test of the logarithms."""
    there = data.draw(st.lists(JOULES, min_size=len(here), max_size=len(here)))
    logs = [[math.log(v) for v in side] for side in (here, there)]
    assume(statistics.stdev(a - b for a, b in zip(*logs, strict=True)) > 1e-9)
    found = estimate(parse("energy <= saved"), of(here), of(there))
    expected = stats.ttest_rel(*logs, alternative="greater").pvalue
    assert chance(found) == pytest.approx(expected, abs=1e-9)
    assert found.how == f"paired t, {len(here)} rounds"


@given(here=SEVERAL, there=SEVERAL)
def test_other_rounds_take_welchs_test(here, there) -> None:
    """The p-value is that of SciPy's test for unequal variances."""
    logs = [[math.log(v) for v in side] for side in (here, there)]
    assume(all(statistics.stdev(side) > 1e-6 for side in logs))
    found = estimate(parse("energy <= saved"), of(here), of(there, first=100))
    expected = stats.ttest_ind(*logs, equal_var=False, alternative="greater").pvalue
    assert chance(found) == pytest.approx(expected, abs=1e-9)


@given(here=SEVERAL, there=SEVERAL, factor=st.floats(0.1, 10))
def test_the_unit_does_not_matter_for_a_ratio(here, there, factor) -> None:
    """A ratio has the same interval in joules and in any multiple of them."""
    scaled = [[factor * v for v in side] for side in (here, there)]
    assert ends("energy <= saved", of(scaled[0]), of(scaled[1])) == pytest.approx(
        ends("energy <= saved", of(here), of(there))
    )


@given(
    here=SEVERAL, there=SEVERAL, operator=st.sampled_from(["<=", ">="]), factor=st.floats(0.5, 2)
)
def test_the_interval_is_of_the_change_not_of_the_gate(here, there, operator, factor) -> None:
    """The interval of the observed change is the same for any threshold."""
    assert ends(f"energy {operator} {factor}*saved", of(here), of(there)) == pytest.approx(
        ends("energy <= saved", of(here), of(there))
    )


def test_single_rounds_are_assumed_uncertain_by_twenty_percent() -> None:
    """Two single rounds compare with the root of two times the uncertainty of one."""
    low, high = ends("energy <= saved", of([110.0]), of([100.0]))
    assert (low, high) == (
        pytest.approx(1.1 / math.exp(math.log1p(SINGLE) * 2**0.5)),
        pytest.approx(1.1 * 1.2 ** (2**0.5)),
    )


def test_a_wider_stated_uncertainty_of_one_round_counts() -> None:
    """A counter that resolves 30 % makes one round uncertain by at least that."""
    found = estimate(
        parse("energy <= saved"), of([110.0], uncertainty=33.0), of([100.0, 101.0, 99.0])
    )
    assert Z * found.below > Z * 0.3


def test_a_lucky_small_spread_does_not_undercut_what_is_stated() -> None:
    """Rounds that agree by chance have at least their counter's uncertainty."""
    low, high = ends(
        "energy <= saved", of([100.0, 100.0], uncertainty=5.0), of([100.0, 100.0], uncertainty=5.0)
    )
    assert high / low == pytest.approx(math.exp(2 * Z * 0.05))


def test_drift_of_the_machine_widens_every_interval() -> None:
    """Thirty rounds that agree leave the interval of the drift alone."""
    rounds = [[100.0 + 0.001 * i for i in range(30)], [100.0 - 0.001 * i for i in range(30)]]
    low, high = ends("energy <= saved", of(rounds[0]), of(rounds[1]), drift=0.05)
    assert math.log(high / low) == pytest.approx(2 * Z * 0.05, rel=0.01)


def test_a_systematic_uncertainty_counts_against_a_number_only() -> None:
    """An estimate's model error counts against a number and cancels in a ratio of two of them."""
    here = of([100.0, 101.0, 99.0], systematic=40.0)
    low, high = ends("energy <= 90", here, None)
    assert high - low > 2 * Z * 40 * 0.99
    assert estimate(parse("energy <= saved"), here, of([100.0, 101.0, 99.0])).fixed == 0.0


def test_differences_are_in_the_metrics_unit() -> None:
    """A difference of paired rounds is in seconds."""
    found = estimate(parse("time <= saved+1"), of([11.0, 12.0, 13.1]), of([10.0, 11.0, 12.0]))
    assert found.shown(found.margin) == pytest.approx(3.1 / 3)
    assert found.margin == pytest.approx(1 - 3.1 / 3)


def test_counted_values_compare_exactly() -> None:
    """Floating-point operations have no uncertainty, and one more is a loss."""
    found = estimate(parse("flops <= saved"), of([1000.0]), of([1000.0]))
    assert (found.margin, found.below, chance(found)) == (0.0, 0.0, 1.0)
    assert chance(estimate(parse("flops <= saved"), of([1001.0]), of([1000.0]))) == 0.0


def test_equal_counts_are_equal_however_they_are_averaged() -> None:
    """Means of equal counts over five and seven rounds are equal despite rounding."""
    for count in (2975.0, 1e15 + 1, 3.0):
        assert estimate(parse("flops <= saved"), of([count] * 5), of([count] * 7)).margin == 0.0
        assert estimate(parse("flops <= 2*saved"), of([2 * count]), of([count])).margin == 0.0


def test_net_joules_have_the_uncertainty_of_idle_power() -> None:
    """A small difference of large numbers is uncertain, in several rounds and in one."""
    here = Readings(values={0: 1.0, 1: 1.01, 2: 1.02}, size=100.0, systematic=20.0)
    assert estimate(parse("energy_net <= 2"), here, None).below > 19
    assert estimate(parse("energy_net <= saved+1"), here, here).fixed > 28
    one, other = (Readings(values={0: v}, size=100.0) for v in (0.1, -0.1))
    assert estimate(parse("energy_net <= saved+1"), one, other).below > 10


@pytest.mark.parametrize(
    ("here", "there"), [([0.0], [1.0]), ([1.0], [-1.0]), ([1.0, 0.0], [1.0, 1.0])]
)
def test_a_ratio_needs_values_above_zero(here, there) -> None:
    """A ratio of values that are not all above zero is an error that proposes a difference."""
    with pytest.raises(ValueError, match="gate a difference"):
        estimate(parse("energy_net <= saved"), of(here), of(there))


EXTREME = st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=3)


@given(
    here=EXTREME,
    there=EXTREME,
    uncertainty=st.floats(0, 1e30),
    gate=st.sampled_from(["energy <= 1.05*saved", "energy <= saved+1", "energy <= 5"]),
)
def test_what_is_shown_is_finite_however_uncertain_it_is(here, there, uncertainty, gate) -> None:
    """A reading of 1 mJ that is uncertain by 1 J has no bounded ratio: the interval is unknown."""
    sides = [of(values, uncertainty=uncertainty) for values in (here, there)]
    found = estimate(parse(gate), sides[0], sides[1] if "saved" in gate else None)
    verdict = judged(parse(gate), "T2-V1_x", "INCONCLUSIVE")
    (verdict,) = decide(parse(gate), [OpenCell(verdict, found)], same_cells=True)
    assert math.isfinite(verdict.change)
    assert (verdict.low is None) == (verdict.high is None)
    assert verdict.low is None or math.isfinite(verdict.high - verdict.low)


def test_a_ratio_beyond_all_numbers_is_refused() -> None:
    """It is no infinite change, which JSON could not hold."""
    with pytest.raises(ValueError, match="the ratio of energy is too large for any number"):
        estimate(parse("energy <= saved"), of([1e300]), of([1e-300]))
