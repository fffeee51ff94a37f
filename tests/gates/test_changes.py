"""Ratios to V0 are those of the gates: the same intervals, the same refusals."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from gates.made import CPU, answers, cell, one_round

from greenbench.gates.changes import NO_INTERVAL, Change, NoChange, changes
from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References

if TYPE_CHECKING:
    from greenbench.gates.verdict import Measured

STEADY = (100.0, 100.5, 99.5)
V0 = cell("T2-V0_baseline", STEADY)


def change(metric: str, here: Measured, *others: Measured, **more) -> Change | NoChange:
    """Return how ``here`` differs from V0, in a run with ``others``."""
    return changes(metric, "T2", [*others, here], **more)[here.id]


def scaled(factor: float) -> tuple[float, ...]:
    """Return the joules of three rounds, ``factor`` times V0's and a little noise."""
    return tuple(
        joules * factor * noise for joules, noise in zip(STEADY, (1, 1.01, 0.99), strict=True)
    )


@pytest.mark.parametrize("joules", [scaled(0.6), scaled(5.0), (90.0,), (90.0, 91.0)])
@pytest.mark.parametrize("metric", ["energy", "time"])
def test_a_ratio_is_what_the_gate_shows(metric: str, joules: tuple[float, ...]) -> None:
    """Value and bounds are those of ``energy <= 1*V0``, to the last digit."""
    here = cell("T2-V1_x", joules)
    run = {V0.id: V0, here.id: here}
    (verdict,) = judge(parse(f"{metric} <= 1*V0"), run, References())
    ratio = change(metric, here, V0)
    assert isinstance(ratio, Change)
    assert (ratio.value, ratio.low, ratio.high) == (verdict.change, verdict.low, verdict.high)
    assert ratio.how == verdict.how


def test_one_round_is_within_twenty_percent() -> None:
    """A single round of each has an interval too: 1.2 to either side, combined."""
    base = cell("T2-V0_baseline", (100.0,))
    ratio = change("energy", cell("T2-V1_x", (100.0,)), base)
    assert isinstance(ratio, Change)
    assert ratio.rounds == 1
    assert ratio.value == pytest.approx(1.0)
    assert ratio.high == pytest.approx(1.2 ** (2**0.5))
    assert ratio.low == pytest.approx(1 / ratio.high)
    assert not ratio.excludes_no_change


def test_savings_and_losses_are_significant_after_holm() -> None:
    """One variant of twenty with p = 0.01 is not shown to save; one with p = 1e-5 is."""
    rng = random.Random(1)

    def rounds(name: str, factor: float) -> Measured:
        return cell(name, [100 * factor * rng.lognormvariate(0, 0.01) for _ in range(8)])

    base, clear, slight = (
        rounds("T2-V0_baseline", 1.0),
        rounds("T2-V1_x", 0.6),
        rounds("T2-V2_y", 0.99),
    )
    same = [rounds(f"T2-V{number}_z", 1.0) for number in range(3, 21)]
    found = changes("energy", "T2", [base, clear, slight, *same])
    alone = changes("energy", "T2", [base, slight])
    saver, doubtful, single = found[clear.id], found[slight.id], alone[slight.id]
    assert isinstance(saver, Change)
    assert isinstance(doubtful, Change)
    assert isinstance(single, Change)
    assert saver.is_lower
    assert not saver.is_higher
    assert single.is_lower
    assert doubtful.excludes_no_change
    assert not doubtful.significant


def test_more_energy_is_shown_as_such() -> None:
    """Five times V0's joules are significantly more."""
    ratio = change("energy", cell("T2-V1_x", scaled(5.0)), V0)
    assert isinstance(ratio, Change)
    assert ratio.is_higher
    assert not ratio.is_lower


def test_a_score_is_compared_by_a_paired_difference() -> None:
    """The difference is that of ``T2.mcc >= V0-0``; an interval without 0 is significant."""
    here = cell("T2-V1_x", STEADY, right=60)
    (verdict,) = judge(parse("T2.mcc >= V0-0"), {V0.id: V0, here.id: here}, References())
    difference = change("mcc", here, V0)
    assert isinstance(difference, Change)
    assert (difference.value, difference.low) == (verdict.change, verdict.low)
    assert "paired" in difference.how
    assert difference.is_lower


def test_the_same_answers_differ_by_nothing() -> None:
    """Equal outputs have the interval from 0 to 0, which shows no difference."""
    difference = change("mcc", cell("T2-V1_x", STEADY), V0)
    assert isinstance(difference, Change)
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)
    assert not difference.significant


def test_a_score_without_an_interval_is_not_compared() -> None:
    """A difference never stands without its interval."""
    bare = {"mcc": {"value": 0.5, "n": 100}}
    rounds = [one_round(0, 100.0)]
    cells = [cell(name, quality=bare, rounds=rounds) for name in ("T2-V0_baseline", "T2-V1_x")]
    difference = change("mcc", cells[1], cells[0])
    assert isinstance(difference, NoChange)
    assert difference.word == NO_INTERVAL


@pytest.mark.parametrize(
    ("flaw", "word"),
    [
        ({"degenerate": ["one answer"]}, "DEGENERATE"),
        ({"effect": "NO-EFFECT", "without_effect": ["k"]}, "NO-EFFECT"),
        ({"status": "failed", "error": "no"}, "MISSING"),
        ({"outcome": "failed"}, "MISSING"),
        ({"joules": (None,)}, "UNMEASURED"),
        ({"rounds": [one_round(0, 1.0, sources={"cpu": "zeus:rapl"})]}, "NOT-COMPARABLE"),
    ],
)
def test_what_a_gate_refuses_has_no_ratio(flaw: dict, word: str) -> None:
    """A cell that is no evidence has no ratio, and with such a V0 no other cell has one."""
    flawed = cell("T2-V1_x", **flaw)
    ratio = change("energy", flawed, V0)
    assert isinstance(ratio, NoChange)
    assert ratio.word == word
    base = cell("T2-V0_baseline", **flaw)
    assert isinstance(change("energy", cell("T2-V1_x", STEADY), base), NoChange)


def test_v0_of_an_earlier_session_stands_in() -> None:
    """Without V0 in the run the given one is taken, and without any there is no ratio."""
    here = cell("T2-V1_x", scaled(0.6))
    ratio = change("energy", here, baseline=V0)
    assert isinstance(ratio, Change)
    assert ratio.rounds == 3
    missing = change("energy", here)
    assert isinstance(missing, NoChange)
    assert missing.word == "MISSING"


def test_v0_and_other_tasks_have_no_ratio() -> None:
    """V0 is the reference itself, and T1 is another question."""
    found = changes("energy", "T2", [V0, cell("T2-V1_x", STEADY), cell("T1-V1_x", STEADY)])
    assert list(found) == ["T2-V1_x"]


def test_rounds_are_those_of_the_fewer() -> None:
    """Two rounds against three are a comparison of two."""
    rounds = [one_round(seed, 50.0, sources=CPU, outcomes=answers(90)) for seed in (0, 1)]
    ratio = change("energy", cell("T2-V1_x", rounds=rounds), V0)
    assert isinstance(ratio, Change)
    assert ratio.rounds == 2
