"""A change is judged within blocks, and fails by a measurement only if that is confirmed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from greenbench.gates.expression import parse
from greenbench.run.change import judging
from tests.gates import made
from tools.ci_power import WHITE, JobWorld

BLOCKS = 8


def side(joules: list[float], first: int, name: str = "T2-V0_x", **more: Any) -> dict[str, Any]:
    """Return a side of one cell, whose blocks begin alternately with either side."""
    rounds = []
    for block, value in enumerate(joules):
        position = 2 * block + (first + block) % 2
        rounds.append(made.one_round(block, value, block=block, position=position))
    return {name: made.cell(name, rounds=rounds, header=JOB, **more)}


JOB = {**made.HEADER, "session": {"id": "a job"}}
DRIFT = [100 * 1.2**block for block in range(BLOCKS)]
"""What the machine does meanwhile is a multiple of what a change costs."""
NOISE = [1.0, 0.99, 1.01, 1.0, 0.98, 1.02, 1.0, 1.01]


def verdict(head: dict[str, Any], base: dict[str, Any], gate: str, **more: Any) -> Any:
    """Return the only verdict of a gate."""
    (only,) = judging.verdicts_on([parse(gate)], head, base, base_name="main", **more)
    return only


def test_what_the_machine_does_between_blocks_cancels() -> None:
    """A loss of 8 % is proven while the machine itself becomes four times as slow."""
    head = side([1.08 * d * n for d, n in zip(DRIFT, NOISE, strict=True)], 1)
    found = verdict(head, side(DRIFT, 0), "energy <= 1.02*saved")
    assert found.outcome == "REGRESSED"
    assert found.change == pytest.approx(1.08, abs=0.01)
    assert found.low < 1.08 < found.high
    assert found.how.startswith("8 blocks")


def test_a_gate_between_variants_is_judged_in_the_change() -> None:
    """The base's V0 is no reference of a variant of the change."""
    head = side([100.0] * BLOCKS, 1) | side([n * 50 for n in NOISE], 1, "T2-V1_x")
    base = side([10.0] * BLOCKS, 0) | side([10.0] * BLOCKS, 0, "T2-V1_x")
    found = verdict(head, base, "energy <= 0.6*V0")
    assert (found.cell, found.outcome) == ("T2-V1_x", "PASS")
    assert found.change == pytest.approx(0.5, abs=0.01)


def test_a_removed_cell_is_missing_and_a_new_one_needs_leave() -> None:
    """Nothing passes by being absent."""
    head, base = side([1.0] * BLOCKS, 1, "T2-V1_x"), side([1.0] * BLOCKS, 0)
    both = judging.verdicts_on([parse("energy <= saved")], head, base, base_name="main")
    assert {v.cell: v.outcome for v in both} == dict.fromkeys(["T2-V0_x", "T2-V1_x"], "MISSING")
    assert any("main has it and the change has not" in v.reason for v in both)


def test_more_blocks_are_what_would_settle_it() -> None:
    """The remedy is an option of greenbench ci."""
    head = side([100 * n**3 for n in NOISE], 1)
    found = verdict(head, side([100.0] * BLOCKS, 0), "energy <= saved")
    assert found.outcome == "INCONCLUSIVE"
    assert "--blocks " in found.reason
    assert "--green-rounds" not in found.reason


def alarm_and(again: float) -> Any:
    """Return the final verdict of an alarm of 20 %, after fresh blocks that show ``again``."""
    gate = parse("energy <= 1.05*saved")
    base = side([100.0] * BLOCKS, 0)
    head = side([120 * n for n in NOISE], 1)
    first = judging.verdicts_on([gate], head, base, base_name="main")
    assert judging.is_alarm(first[0])
    fresh = side([again * n for n in NOISE], 1)
    second = judging.verdicts_on_alarms(first, fresh, base, base_name="main")
    (final,) = judging.confirmed(first, second)
    return final


def test_an_alarm_that_is_confirmed_fails_with_the_fresh_figures() -> None:
    """The first set was chosen for being high, so its figures are too."""
    final = alarm_and(115)
    assert (final.outcome, final.fails()) == ("REGRESSED", True)
    assert final.change == pytest.approx(1.15, abs=0.01)
    assert "confirmed by a second set of blocks; the first showed 1.20" in final.reason


@pytest.mark.parametrize("again", [100, 105])
def test_an_alarm_that_is_not_confirmed_is_inconclusive(again: float) -> None:
    """Whether the second set proves the contrary, or nothing."""
    final = alarm_and(again)
    assert (final.outcome, final.fails()) == ("INCONCLUSIVE", False)
    assert "did not confirm: 1.20" in final.reason


def test_only_the_alarmed_cells_are_judged_again() -> None:
    """So Holm's correction in the second set is over these alone."""
    gate = parse("energy <= 1.05*saved")
    head = side([120 * n for n in NOISE], 1) | side([100 * n for n in NOISE], 1, "T2-V1_x")
    base = side([100.0] * BLOCKS, 0) | side([100.0] * BLOCKS, 0, "T2-V1_x")
    first = judging.verdicts_on([gate], head, base, base_name="main")
    alarms = [v for v in first if judging.is_alarm(v)]
    again = judging.verdicts_on_alarms(alarms, head, base, base_name="main")
    assert [v.cell for v in again] == ["T2-V0_x"]


def test_a_count_needs_no_second_set() -> None:
    """Another number of operations is no chance."""
    heavier = [{"work": {"flops_training": 2000}, "block": b} for b in range(BLOCKS)]
    rounds = [made.one_round(b, 1.0, **more) for b, more in enumerate(heavier)]
    head = {"T2-V0_x": made.cell("T2-V0_x", rounds=rounds, header=JOB)}
    found = verdict(head, side([1.0] * BLOCKS, 0), "flops <= saved")
    assert (found.outcome, judging.is_alarm(found)) == ("REGRESSED", False)


def test_losses_of_a_tenth_are_found_and_hardly_any_alarm_is_false() -> None:
    """As docs/ci.md promises, at 16 blocks and 5 % noise; the rule shown beside finds few.

    The seed is fixed; with 99 % found, fewer than 57 of 60 would come once in 500 seeds.
    """
    world = JobWorld(
        noise=WHITE, cells=2, blocks=16, tolerance=1.0, random=np.random.default_rng(7)
    )
    lost = world.counts(60, 1.10)
    assert lost.confirmed >= 57
    assert lost.many < 15
    assert world.counts(40, 1.0).confirmed == 0
