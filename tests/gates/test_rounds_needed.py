"""How many rounds an open verdict takes."""

from __future__ import annotations

import math
import random

import pytest

from greenbench.gates.expression import parse
from greenbench.gates.margins import bounds, estimate
from greenbench.gates.metrics import Readings
from greenbench.gates.rounds_needed import MOST, machine_decides, rounds_needed, rounds_worth
from greenbench.gates.verdict import Estimate

PLANNED = math.log(1.1)


def one(
    margin: float, spread: float | None = 0.05, rounds: int = 5, fixed: float = 0.0
) -> Estimate:
    """Return an estimate of a ratio."""
    return Estimate(
        margin=margin,
        below=0.05,
        above=0.05,
        spread=spread,
        rounds=rounds,
        planned=PLANNED,
        fixed=fixed,
    )


def test_the_rounds_asked_for_find_the_change_that_was_seen() -> None:
    """With the spread that was seen, 95 of 100 new sessions of so many rounds are conclusive."""
    noise = random.Random(3)
    pilot = one(-0.08, spread=0.07, rounds=10)
    count = rounds_needed(pilot, 1)
    hits = 0
    for _ in range(300):
        sides = [
            {s: f * noise.lognormvariate(0, 0.07 / 2**0.5) for s in range(count)}
            for f in (math.exp(0.08), 1.0)
        ]
        found = estimate(parse("energy <= saved"), *(Readings(values=v) for v in sides))
        hits += bounds(found)[1] < 0
    assert hits >= 0.95 * 300


def test_nearer_thresholds_more_noise_and_more_cells_take_more_rounds() -> None:
    """And what was seen beyond 10 % is planned for as 10 %: it may have been luck."""
    base = rounds_needed(one(0.06), 1)
    assert base < rounds_needed(one(0.04), 1)
    assert base < rounds_needed(one(0.06, spread=0.08), 1)
    assert base < rounds_needed(one(0.06), 20)
    assert base < rounds_needed(one(0.06, rounds=2), 1)
    assert rounds_needed(one(0.3), 1) == rounds_needed(one(PLANNED), 1)


def test_more_are_asked_for_than_there_were() -> None:
    """An open verdict is not settled by as many rounds again."""
    assert rounds_needed(one(0.5, spread=0.001, rounds=7), 1) == 8


def test_too_near_to_the_threshold_a_worthwhile_change_is_planned_for() -> None:
    """Nobody waits for thousands of rounds."""
    assert rounds_needed(one(1e-5), 1) is None
    assert rounds_worth(one(1e-5), 1) == rounds_needed(one(PLANNED), 1)
    assert rounds_worth(one(1e-5), 1) < MOST


@pytest.mark.parametrize("fixed", [0.03, 0.1])
def test_where_the_machine_drifts_no_rounds_help(fixed: float) -> None:
    """The drift stays, however often one measures."""
    estimated = one(0.05, fixed=fixed)
    assert rounds_needed(estimated, 1) is None
    assert machine_decides(estimated)
    assert not machine_decides(one(1.4, fixed=fixed))
    assert not machine_decides(one(0.05))


def test_scores_of_test_examples_are_not_settled_by_rounds() -> None:
    """They have no spread over rounds."""
    assert rounds_needed(one(0.05, spread=None), 1) is None
