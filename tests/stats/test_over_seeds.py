"""A cell's score is the mean of its rounds, and a constant answer is called DEGENERATE."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.stats.over_seeds import (
    chance_of_no_more_than_zero,
    collapsed,
    degenerate,
    freedom_over_rounds,
    mean_quality,
    over_rounds,
    spread,
)
from greenbench.stats.student import ALPHA
from greenbench.types import Energy, Judged, Metric, Round, Window

WHOLE = Window(stage="whole", seconds=1.0, energy=Energy())
UNIT = st.floats(0, 1)


def scored(
    value: float | None, low: float | None = None, high: float | None = None, **more: Any
) -> Metric:
    """Return a score on 100 rows."""
    return Metric(value=value, n=100, low=low, high=high, **more)


def deciding(
    low: float | None, constant: float | None = 0.0, value: float | None = 0.5, **more: Any
) -> Metric:
    """Return the score that must beat ``constant``, with its lower bound."""
    return scored(value, low, 0.9, constant=constant, decides=True, **more)


def rounds(*qualities: dict[str, Metric], reasons: tuple[tuple[str, ...], ...] = ()) -> list[Round]:
    """Return a round for each quality, seeds from 1 on, with the reasons why it is degenerate."""
    each = reasons or ((),) * len(qualities)
    pairs = enumerate(zip(qualities, each, strict=True), 1)
    return [
        Round(seed=seed, whole=WHOLE, windows=(), judged=Judged(quality=q, degenerate=why))
        for seed, (q, why) in pairs
    ]


def test_a_score_is_the_mean_of_its_rounds() -> None:
    """Each metric by itself."""
    both = rounds({"mcc": scored(0.2), "f1": scored(0.5)}, {"mcc": scored(0.6), "f1": scored(0.7)})
    found = {name: metric.value for name, metric in mean_quality(both).items()}
    assert found == {"mcc": pytest.approx(0.4), "f1": pytest.approx(0.6)}


@pytest.mark.parametrize("lacking", [{}, {"mcc": scored(None, reason="one class only")}])
def test_a_score_that_a_round_lacks_is_unknown(lacking: dict[str, Metric]) -> None:
    """The mean of the other rounds would look complete; the reason says how many lack it."""
    mean = mean_quality(rounds({"mcc": scored(0.9, 0.8, 0.95)}, lacking, lacking))["mcc"]
    assert (mean.value, mean.low, mean.high) == (None, None, None)
    assert mean.reason.startswith("mcc is unknown in 2 of 3 rounds")


def test_what_is_not_averaged_is_kept() -> None:
    """Rows, direction and the constant answer's score are the rounds'."""
    one = scored(0.2, 0.1, 0.3, higher_is_better=False, constant=0.25, decides=True)
    found = mean_quality(rounds({"brier": one}, {"brier": one}))["brier"]
    assert (found.n, found.higher_is_better, found.constant, found.decides) == (
        100,
        False,
        0.25,
        True,
    )


def test_rows_and_seeds_add_in_quadrature() -> None:
    """By hand for three rounds: Student's t is 4.3027, and seeds leave 0.2484 to each side."""
    found = over_rounds([scored(v, v - 0.1, v + 0.2) for v in (0.5, 0.6, 0.7)])
    assert found.value == pytest.approx(0.6)
    assert found.low == pytest.approx(0.6 - 0.26778, abs=1e-4)
    assert found.high == pytest.approx(0.6 + 0.31892, abs=1e-4)


def test_rounds_of_the_same_rows_do_not_average_the_rows_out() -> None:
    """Equal rounds of different widths have the mean width, not one narrower by their number."""
    found = over_rounds([scored(0.5, 0.5 - w, 0.5 + 2 * w) for w in (0.05, 0.1, 0.15, 0.1)])
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.4, 0.7))


@pytest.mark.parametrize(
    ("values", "half"),
    [([0.7], 0.0), ([0.4, 0.6], 1.2706), ([0.5, 0.6, 0.7], 0.24841), ([0.5] * 4, 0.0)],
)
def test_the_spread_of_seeds_is_student_s(values: list[float], half: float) -> None:
    """Two rounds say little, and a single one says nothing of it."""
    assert spread(values) == pytest.approx(half, abs=1e-4)


@given(UNIT, UNIT, UNIT)
def test_one_round_keeps_its_interval(value: float, below: float, above: float) -> None:
    """Nothing is known of other seeds, and nothing is added."""
    found = over_rounds([scored(value, value - below, value + above)])
    assert (found.value, found.low, found.high) == pytest.approx(
        (value, value - below, value + above), abs=1e-12
    )


@given(st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=1, max_size=6))
def test_no_interval_is_narrower_than_rows_or_seeds_alone(
    each: list[tuple[float, float, float]],
) -> None:
    """The mean lies inside, and either cause alone would leave as much open or less."""
    found = over_rounds([scored(v, v - below, v + above) for v, below, above in each])
    values, below, above = (list(column) for column in zip(*each, strict=True))
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    for side, rows in ((found.value - found.low, below), (found.high - found.value, above)):
        assert side >= max(spread(values), math.fsum(rows) / len(rows)) - 1e-9


@pytest.mark.parametrize(
    ("lacking", "low", "high"),
    [((None, 0.6), None, 0.6), ((0.4, None), 0.4, None), ((None, None), None, None)],
)
def test_a_round_without_a_bound_leaves_the_mean_without(
    lacking: tuple[float | None, float | None], low: float | None, high: float | None
) -> None:
    """Bounds of the other rounds alone would look complete."""
    found = over_rounds([scored(0.5, 0.4, 0.6), scored(0.5, *lacking)])
    assert found.value == 0.5
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_an_undefined_round_is_left_out_of_the_mean() -> None:
    """The others keep their mean and their bounds."""
    found = over_rounds([scored(0.5, 0.4, 0.6), scored(None, reason="nothing called")])
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.4, 0.6))
    assert found.reason == ""


def test_a_score_that_no_round_defines_says_why() -> None:
    """It has neither value nor bounds."""
    found = over_rounds([scored(None, reason="one class"), scored(None, reason="nothing called")])
    assert (found.value, found.low, found.high, found.reason) == (
        None,
        None,
        None,
        "nothing called",
    )


def test_no_rounds_have_no_quality() -> None:
    """A cell that failed before its first score."""
    assert mean_quality([]) == {}
    assert degenerate([]) == ()


def test_one_answer_for_everything_is_degenerate() -> None:
    """The reason is the round's own."""
    assert degenerate(rounds({}, reasons=(("all 90 are called safe",),))) == (
        "all 90 are called safe",
    )


def test_most_rounds_decide_and_a_single_one_that_collapsed_is_named() -> None:
    """Two of three constant rounds are no prediction; one of three is named with its seed."""
    safe = ("all are called safe",)
    most, few = (
        rounds({}, {}, {}, reasons=((), safe, safe)),
        rounds({}, {}, {}, reasons=((), safe, ())),
    )
    assert (degenerate(most), collapsed(most)) == (safe, ())
    assert degenerate(few) == ()
    assert collapsed(few) == (
        f"the round of seed {few[1].seed} predicts nothing: all are called safe",
    )


@pytest.mark.parametrize("low", [-0.1, 0.0])
def test_a_bound_at_or_below_the_constant_answer_proves_nothing(low: float) -> None:
    """A score of 0.5 may be chance, and the reason names the bound."""
    (reason,) = degenerate(rounds({"mcc": deciding(low)}))
    claim = "mcc 0.500 is not shown to be better than a constant answer's 0.000"
    assert reason == f"{claim}: the 95 % bound is {low:.3f}"


def test_a_bound_above_the_constant_answer_is_a_prediction() -> None:
    """It proves a prediction however little it lies above."""
    assert degenerate(rounds({"mcc": deciding(0.001)})) == ()


@pytest.mark.parametrize(("lows", "holds"), [((0.3, -0.1), False), ((0.1, -0.3), True)])
def test_the_mean_of_the_rounds_bounds_decides(
    lows: tuple[float, ...],
    holds: bool,  # noqa: FBT001
) -> None:
    """One unlucky round does not undo the others, nor one lucky one make up for them."""
    found = degenerate(rounds(*({"mcc": deciding(low)} for low in lows)))
    assert bool(found) == holds


@pytest.mark.parametrize(("high", "holds"), [(0.24, False), (0.25, True), (0.3, True)])
def test_an_error_must_stay_below_the_constant_answer_s(
    high: float,
    holds: bool,  # noqa: FBT001
) -> None:
    """Where less is better the upper bound counts, whatever the lower one is."""
    error = scored(0.1, 0.05, high, constant=0.25, decides=True, higher_is_better=False)
    assert bool(degenerate(rounds({"brier": error}))) == holds


def test_a_score_that_does_not_decide_is_ignored() -> None:
    """An accuracy below the constant answer's is no proof where classes are rare."""
    assert (
        degenerate(rounds({"accuracy": scored(0.5, 0.4, 0.6, constant=0.9), "mcc": deciding(0.2)}))
        == ()
    )


@pytest.mark.parametrize(
    "unknown",
    [scored(None, constant=0.0, decides=True), scored(0.5, 0.4, 0.6, decides=True)],
    ids=["value", "constant"],
)
def test_a_round_without_a_score_does_not_make_a_cell_degenerate(unknown: Metric) -> None:
    """Alone it proves nothing either way; beside a round that knows, that one decides."""
    assert degenerate(rounds({"mcc": unknown})) == ()
    assert degenerate(rounds({"mcc": deciding(0.1)}, {"mcc": unknown})) == ()
    assert len(degenerate(rounds({"mcc": deciding(-0.1)}, {"mcc": unknown}))) == 1


def test_a_score_without_a_bound_shows_nothing() -> None:
    """So few rows of a class that no interval could be had are no proof of a prediction."""
    (reason,) = degenerate(rounds({"mcc": scored(0.5, constant=0.0, decides=True)}))
    assert reason.endswith("too few test rows of a class for an interval")


def test_both_reasons_are_reported() -> None:
    """The constant rounds come first, then the score."""
    reasons = degenerate(
        rounds({"mcc": deciding(0.0, value=0.0)}, reasons=(("all are called safe",),))
    )
    assert len(reasons) == 2
    assert reasons[0] == "all are called safe"
    assert reasons[1].startswith("mcc 0.000 is not shown to be better")


def test_a_score_that_is_no_number_is_none_with_a_reason() -> None:
    """In one round of several the others count; in all there is no score."""
    lost, known = Metric(value=float("nan"), n=5), Metric(value=0.5, n=5)
    assert over_rounds([lost, known]).value == 0.5
    assert (over_rounds([lost, lost]).value, over_rounds([lost]).reason) == (
        None,
        "the score is no number",
    )


@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=6), half=st.floats(0.001, 1))
def test_the_p_value_agrees_with_the_interval(values: list[float], half: float) -> None:
    """It is below 2.5 % if and only if the lower 95 % bound of the mean lies above 0."""
    metrics = [scored(v, v - half, v + half) for v in values]
    low = over_rounds(metrics).low
    assert low is not None
    if abs(low) > 1e-6:
        assert (chance_of_no_more_than_zero(metrics) < ALPHA) == (low > 0)


def test_a_p_value_far_out_is_that_of_its_parts() -> None:
    """Rows alone have the normal distribution's, seeds alone Student's t's."""
    rows = [scored(0.3, 0.3 - 0.196, 0.3 + 0.196)] * 3
    assert chance_of_no_more_than_zero(rows) == pytest.approx(0.00135, rel=0.01)
    seeds = [scored(v, v, v) for v in (0.2, 0.3, 0.4)]  # t = 5.196 of 2 degrees of freedom
    assert chance_of_no_more_than_zero(seeds) == pytest.approx(0.01755, rel=0.01)
    assert chance_of_no_more_than_zero([scored(0.3)]) == 1.0


def test_few_seeds_have_few_degrees_of_freedom() -> None:
    """Those of the seeds where rows say all, infinitely many where seeds agree, else between."""
    exact = [scored(value, value, value) for value in (0.1, 0.2, 0.4)]
    assert freedom_over_rounds(exact) == pytest.approx(2)
    assert math.isinf(freedom_over_rounds([scored(0.2, 0.1, 0.3)] * 3))
    both = [scored(value, value - 0.1, value + 0.1) for value in (0.1, 0.2, 0.4)]
    assert 2 < freedom_over_rounds(both) < math.inf
