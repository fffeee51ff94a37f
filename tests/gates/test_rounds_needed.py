"""The rounds that would settle an inconclusive verdict."""

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


def test_the_proposed_rounds_detect_the_observed_change() -> None:
    """With the observed spread, 95 of 100 new sessions of so many rounds are conclusive."""
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
    """Rounds grow with noise, cells and closeness, and are planned for 10 % at most."""
    base = rounds_needed(one(0.06), 1)
    assert base < rounds_needed(one(0.04), 1)
    assert base < rounds_needed(one(0.06, spread=0.08), 1)
    assert base < rounds_needed(one(0.06), 20)
    assert base < rounds_needed(one(0.06, rounds=2), 1)
    assert rounds_needed(one(0.3), 1) == rounds_needed(one(PLANNED), 1)


def test_more_rounds_are_proposed_than_there_were() -> None:
    """At least one more round is proposed than an inconclusive verdict had."""
    assert rounds_needed(one(0.5, spread=0.001, rounds=7), 1) == 8


def test_too_close_to_the_threshold_ten_percent_is_planned_for() -> None:
    """More than ``MOST`` rounds are not proposed; those for a 10 % change are."""
    assert rounds_needed(one(1e-5), 1) is None
    assert rounds_worth(one(1e-5), 1) == rounds_needed(one(PLANNED), 1)
    assert rounds_worth(one(1e-5), 1) < MOST


def test_a_large_change_is_settled_where_one_of_ten_percent_would_not_be() -> None:
    """Two noisy rounds far beyond the threshold: 2,000 are too few for 10 %, not for this."""
    noisy = one(1.5, spread=0.3, rounds=2)
    assert rounds_worth(noisy, 1) is None
    assert 2 < rounds_needed(noisy, 1) < MOST


@pytest.mark.parametrize("fixed", [0.03, 0.1])
def test_no_rounds_help_against_drift(fixed: float) -> None:
    """The drift of the machine stays, however many rounds there are."""
    estimated = one(0.05, fixed=fixed)
    assert rounds_needed(estimated, 1) is None
    assert machine_decides(estimated)
    assert not machine_decides(one(1.4, fixed=fixed))
    assert not machine_decides(one(0.05))


def test_scores_of_test_examples_are_not_settled_by_rounds() -> None:
    """An estimate without a spread over rounds has no number of rounds."""
    assert rounds_needed(one(0.05, spread=None), 1) is None
