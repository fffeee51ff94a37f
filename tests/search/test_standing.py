"""Where points stand: effects within blocks, their uncertainty, and what is dropped."""

from __future__ import annotations

import math

import numpy as np
import pytest
from search.planted import ALLOWED, Planted, block

from greenbench.search.racing import COSTS, LOST, MOST_ROUNDS, SLOW, WORSE, SearchRules, standings
from greenbench.search.readings import BlockPlan, PointReading, SearchBlock
from greenbench.search.standing import effects, score_margin

GOOD, DEAR, RUINED, SAVING = (3, 0, 2), (1, 1, 0), (1, 0, 3), (3, 0, 0)


def test_effects_are_those_within_blocks() -> None:
    """Whatever state a block was in, a point's effect is what is planted."""
    world = Planted(noise=0.0)
    fitted = effects([block(0, world, GOOD, DEAR), block(1, world, GOOD, SAVING)])
    assert fitted.values == pytest.approx({GOOD: -0.5, DEAR: 0.2, SAVING: -0.2})
    assert fitted.freedom == 1


def test_uncertainty_is_that_of_the_residuals() -> None:
    """The standard error of a point that was measured once is about that of two rounds."""
    errors = []
    for seed in range(60):
        world = Planted(noise=0.03, seed=seed)
        blocks = [block(number, world, GOOD, SAVING, (1, 0, 1)) for number in range(4)]
        blocks.append(block(4, world, GOOD, SAVING, DEAR))
        fitted = effects(blocks)
        errors.append((fitted.values[DEAR] - 0.2) / fitted.standard(DEAR))
    assert 0.7 < float(np.std(errors)) < 1.5


def test_a_point_alone_has_no_interval_yet() -> None:
    """One block leaves no degree of freedom, and nothing is dropped by what it takes."""
    found = standings([block(0, Planted(), DEAR, SAVING)], SearchRules())
    assert [one.out for one in found] == ["", ""]


def test_what_is_on_the_wrong_side_is_dropped_and_the_best_stays() -> None:
    """Points that cost, that lose the score, or that take more than the best are out."""
    world = Planted()
    blocks = [block(number, world, GOOD, DEAR, RUINED, SAVING) for number in range(3)]
    found = {one.point: one for one in standings(blocks, SearchRules())}
    assert found[GOOD].promises
    assert found[DEAR].out == COSTS
    assert found[RUINED].out == LOST
    assert found[SAVING].out == WORSE
    assert next(iter(found)) == GOOD


def test_a_slow_point_is_dropped_where_time_is_bounded() -> None:
    """``slowdown`` drops what is shown to take longer, though it saves."""
    world = Planted()
    blocks = [block(number, world, SAVING) for number in range(3)]
    slow = []
    for one in blocks:
        reading = one.readings[SAVING]
        late = PointReading(value=reading.value, seconds=300.0, margin=ALLOWED)
        slow.append(
            SearchBlock(
                plan=one.plan,
                baseline=one.baseline,
                readings={SAVING: late},
                joules=None,
                seconds=1.0,
            )
        )
    assert standings(slow, SearchRules(slowdown=1.5))[0].out == SLOW
    assert standings(slow, SearchRules())[0].out == ""


def test_a_flaw_keeps_a_point_from_winning() -> None:
    """NO-EFFECT, DEGENERATE, partial and unmeasured points are out, with the reason."""
    plan = BlockPlan(number=0, phase="search", points=(GOOD, SAVING))
    flawed = PointReading(value=1.0, seconds=1.0, margin=ALLOWED, flaw="NO-EFFECT: it did nothing")
    blocks = [
        SearchBlock(
            plan=plan,
            baseline=Planted().reading((1, 0, 0)),
            joules=None,
            seconds=1.0,
            readings={GOOD: flawed, SAVING: PointReading(flaw="unmeasured")},
        )
    ]
    found = {one.point: one.out for one in standings(blocks, SearchRules())}
    assert found[GOOD] == "no evidence: NO-EFFECT: it did nothing"
    assert found[SAVING] == "no evidence: unmeasured"


def test_repeated_looks_are_paid_for() -> None:
    """A point that takes what V0 takes is dropped as dearer in few of many races."""
    dropped = 0
    for seed in range(120):
        world = Planted(noise=0.03, same=True, seed=seed)
        blocks = []
        outs = set()
        for number in range(MOST_ROUNDS):
            blocks.append(block(number, world, (2, 0, 0), (3, 0, 0), (2, 0, 1), (3, 1, 0)))
            found = {one.point: one.out for one in standings(blocks, SearchRules())}
            outs.add(found[2, 0, 0])
        dropped += COSTS in outs
    assert dropped <= 9  # 2.5 % are 3 of 120


def test_margins_of_seeds_widen_the_interval() -> None:
    """Rounds whose margins differ have a wider interval than the rows alone say."""
    alike = [PointReading(margin=0.01, low=0.0, high=0.02)] * 3
    apart = [PointReading(margin=m, low=m - 0.01, high=m + 0.01) for m in (-0.01, 0.01, 0.03)]
    assert score_margin(alike).low == pytest.approx(0.0)
    low = score_margin(apart).low
    assert low is not None
    assert low < -0.03
    assert math.isclose(score_margin(apart).value or 0.0, 0.01)
