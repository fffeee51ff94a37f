"""Gates over cells whose rounds ran in blocks."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import HEADER, cell, one_round

from greenbench.gates import interleaved as interleaved_gates
from greenbench.gates.changes import changes
from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.run.blocks import interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.gates.verdict import Measured, Verdict

NAMES = [f"T2-V{number}_x" for number in range(8)]


def session(
    joules: Callable[[str, int], float],
    *,
    blocks: int = 5,
    names: list[str] = NAMES,
    header: dict[str, Any] = HEADER,
) -> dict[str, Measured]:
    """Return cells in blocks: ``joules`` are those of a cell's round at a place in the session."""
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    order = interleaved(names, [blocks] * len(names), "blocks", seed=0)
    for position, (name, block) in enumerate(order):
        taken = joules(name, position)
        rounds[name].append(one_round(block, taken, block=block, position=position))
    return {name: cell(name, rounds=of_cell, header=header) for name, of_cell in rounds.items()}


def noisy(seed: int, noise: float = 0.01) -> Callable[[], float]:
    """Return a function that draws factors near 1."""
    drawn = random.Random(seed)
    return lambda: drawn.lognormvariate(0, noise)


def judged(
    gate: str, cells: dict[str, Measured], saved: dict[str, Measured] | None = None
) -> dict[str, Verdict]:
    """Return the verdicts by cell."""
    verdicts = judge(parse(gate), cells, References(saved=saved, saved_name="main.json"))
    return {verdict.cell: verdict for verdict in verdicts}


def test_a_drift_of_the_machine_is_no_change_of_a_cell() -> None:
    """It makes 10 % over the session; each interval still contains 1, and the method is named."""
    noise = noisy(1)
    cells = session(lambda _name, place: 100 * (1 + 0.10 * place / 40) * noise())
    verdicts = judged("energy <= V0", cells)
    assert verdicts.keys() == set(NAMES[1:])
    for verdict in verdicts.values():
        assert verdict.outcome != "REGRESSED"
        assert abs(verdict.change - 1) < 0.02
        assert "5 blocks of 8 cells" in verdict.how


def test_a_block_that_was_warming_up_counts_as_no_round() -> None:
    """Cells that ran first took a third more: four of five blocks are compared, and stated."""
    noise = noisy(3)
    cells = session(lambda _name, place: 100 * (1 + 0.3 * (place < 3)) * noise())
    verdicts = judged("energy <= V0", cells)
    assert {verdict.rounds for verdict in verdicts.values()} == {4}
    assert all("the first left out as warm-up" in verdict.how for verdict in verdicts.values())
    (energy,) = {c.rounds for c in changes("energy", "T2", [*cells.values()]).values()}
    assert energy == 4


def test_a_change_of_a_tenth_is_found_in_eight_blocks() -> None:
    """With noise of 1 % it is REGRESSED, and the other cells are not."""
    noise = noisy(2)
    cells = session(lambda name, _: (110 if name == NAMES[3] else 100) * noise(), blocks=8)
    verdicts = judged("energy <= 1.05*V0", cells)
    assert verdicts[NAMES[3]].outcome == "REGRESSED"
    assert {v.outcome for name, v in verdicts.items() if name != NAMES[3]} == {"PASS"}


def test_from_eight_blocks_on_cells_are_corrected_for_by_what_they_share(monkeypatch) -> None:
    """The joint distribution of cells with one V0 gives a smaller p-value than Holm's method."""
    noise = noisy(11)
    cells = session(lambda name, _: (102 if name == NAMES[3] else 100) * noise(), blocks=8)
    together = judged("energy <= V0", cells)[NAMES[3]]
    monkeypatch.setattr(interleaved_gates, "MANY", 9)
    alone = judged("energy <= V0", cells)[NAMES[3]]
    assert alone.change == together.change
    assert together.p < alone.p < 7 * together.p


def test_the_rounds_that_are_named_are_not_many_more_than_are_needed() -> None:
    """Three blocks of 3 % noise leave 10 % more open; 10 to 60 are named, of which 16 suffice."""
    noise = noisy(12, noise=0.03)
    cells = session(lambda name, _: (110 if name == NAMES[3] else 100) * noise(), blocks=3)
    open_one = judged("energy <= 1.05*V0", cells)[NAMES[3]]
    assert open_one.outcome == "INCONCLUSIVE"
    assert 10 <= open_one.rounds_needed <= 60


def test_a_change_is_found_among_rounds_that_were_off_and_the_verdict_says_how() -> None:
    """Every seventh round took half as much again; with 1 % of noise 10 % more is REGRESSED."""
    noise = noisy(10)

    def joules(name: str, place: int) -> float:
        off = 1.5 if place % 7 == 3 else 1.0
        return (110 if name == NAMES[3] else 100) * off * noise()

    verdicts = judged("energy <= 1.05*V0", session(joules))
    assert verdicts[NAMES[3]].outcome == "REGRESSED"
    assert "5 blocks of 8 cells, robust: 6 rounds off" in verdicts[NAMES[3]].how
    assert all(v.outcome != "REGRESSED" for name, v in verdicts.items() if name != NAMES[3])


def test_v0_is_the_control_of_an_earlier_run() -> None:
    """In this session everything took 15 % more, V0 too: the variants have not changed."""
    noise = noisy(3)
    saved = session(lambda _name, _place: 100 * noise(), header=dict(HEADER))
    cells = session(lambda _name, _place: 115 * noise())
    verdicts = judged("energy <= 1.05*saved", cells, saved)
    variants = [verdict for name, verdict in verdicts.items() if name != NAMES[0]]
    assert {verdict.outcome for verdict in variants} == {"PASS"}
    assert all("by way of V0" in verdict.how for verdict in variants)
    assert verdicts[NAMES[0]].change == pytest.approx(1.15, rel=0.03)
    assert verdicts[NAMES[0]].outcome == "INCONCLUSIVE"  # the machine, or V0 itself


def test_a_variant_that_lost_ground_on_v0_has_regressed() -> None:
    """It takes 20 % more of V0's joules than it did in the earlier run."""
    noise = noisy(4)
    saved = session(lambda _name, _place: 100 * noise(), header=dict(HEADER))
    cells = session(lambda name, _: (120 if name == NAMES[5] else 100) * noise())
    assert judged("energy <= 1.05*saved", cells, saved)[NAMES[5]].outcome == "REGRESSED"


def test_a_v0_that_changed_itself_is_no_control() -> None:
    """Twice the joules are no state of a machine: every cell is compared with its own past."""
    noise = noisy(5)
    saved = session(lambda _name, _place: 100 * noise(), header=dict(HEADER))
    cells = session(lambda _name, _place: 200 * noise())
    verdicts = judged("energy <= 1.05*saved", cells, saved)
    assert {verdict.outcome for verdict in verdicts.values()} == {"REGRESSED"}
    open_ones = judged("energy <= 2*saved", cells, saved)
    reason = r"V0 itself is (1\.99|2\.0\d) times what it was, and so no control"
    assert all(re.match(reason, open_ones[name].reason) for name in NAMES[1:])


def test_a_v0_whose_net_joules_are_not_all_above_zero_is_no_control() -> None:
    """It has no logarithm; the variants are compared with their own past."""
    noise = noisy(8)
    saved = session(lambda _name, _place: 200 * noise(), header=dict(HEADER))
    cells = session(lambda _name, _place: 200 * noise())
    for side in (saved, cells):
        for name, measured in side.items():
            for number, one in enumerate(measured.record.rounds):
                idle = 220.0 if (name, number) == (NAMES[0], 2) else 100.0
                one.whole.energy.idle_j["cpu"] = idle
    verdicts = judged("energy_net <= 9*saved", cells, saved)
    assert verdicts[NAMES[0]].outcome == "NOT-COMPARABLE"
    assert all(verdicts[name].outcome == "PASS" for name in NAMES[1:])
    assert all("by way of V0" not in verdicts[name].how for name in NAMES[1:])


def test_a_v0_of_another_counter_is_no_control() -> None:
    """Its joules come from another counter in one of the runs: they say nothing of the variants."""
    noise = noisy(9)
    saved = session(lambda _name, _place: 100 * noise(), header=dict(HEADER))
    cells = session(lambda _name, _place: 100 * noise())
    sources = {"cpu": "zeus:rapl"}
    rounds = []
    for one in cells[NAMES[0]].record.rounds:
        place = {"block": one.block, "position": one.position}
        rounds.append(one_round(one.seed, 115 * noise(), sources=sources, **place))
    cells[NAMES[0]] = cell(NAMES[0], rounds=rounds)
    verdicts = judged("energy <= 1.5*saved", cells, saved)
    assert verdicts[NAMES[0]].outcome == "NOT-COMPARABLE"
    assert all(verdicts[name].change == pytest.approx(1, abs=0.03) for name in NAMES[1:])
    (reason,) = {judged("energy <= saved", cells, saved)[name].reason for name in NAMES[1:]}
    assert reason.startswith("V0's joules are of other channels or sources in the compared run")


def test_a_session_that_ended_within_a_block_is_judged_by_the_whole_ones() -> None:
    """Of the last block only the cells that ran first have a round."""
    noise = noisy(6)
    cells = session(lambda _name, _place: 100 * noise(), blocks=4)
    for name in NAMES[:4]:  # the last block runs backwards
        rounds = [one_round(b, 100 * noise(), block=b, position=8 * b) for b in range(3)]
        cells[name] = cell(name, rounds=rounds)
    verdicts = judged("energy <= 1.5*V0", cells)
    assert verdicts.keys() == set(NAMES[1:])
    assert all("3 blocks of 8 cells" in verdict.how for verdict in verdicts.values())


def test_a_single_block_counts_as_one_round() -> None:
    """It shows no spread: the 20 % that are assumed of one round hold."""
    noise = noisy(7)
    verdicts = judged("energy <= V0", session(lambda _name, _place: 100 * noise(), blocks=1))
    assert all("one round" in verdict.how for verdict in verdicts.values())
