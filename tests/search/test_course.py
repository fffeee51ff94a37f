"""The course of a search from its first block to its answer, and its journal."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from search.planted import SPACE, Planted

from greenbench.errors import UsageError
from greenbench.options import BASELINE
from greenbench.search.answer import answer, payback, values_of_v0, with_payback
from greenbench.search.budget import budget_of
from greenbench.search.course import Course, finalists
from greenbench.search.journal import SearchJournal
from greenbench.search.knob_levels import space_of
from greenbench.search.proposals import (
    OptunaProposer,
    Proposer,
    RandomProposer,
    SurfaceProposer,
    Together,
)
from greenbench.search.racing import PointStanding, SearchRules
from greenbench.search.readings import BlockPlan, SearchBlock
from greenbench.search.screening import without_effect
from greenbench.search.space import Space
from tools import search_check

if TYPE_CHECKING:
    from pathlib import Path

BEST = (3, 0, 2)
ABOUT = {"task": "T2", "slowdown": None}


def course(text: str = "40", proposer: Proposer | None = None, **more: object) -> Course:
    """Return the course of a search of the planted space."""
    chosen = proposer or SurfaceProposer()
    given = {"refusal": Planted().refusal, **more}
    return Course(
        space=SPACE, rules=SearchRules(), budget=budget_of(text), proposer=chosen, **given
    )


def searched(going: Course, world: Planted, blocks: list[SearchBlock]) -> list[SearchBlock]:
    """Go on to the end."""
    while plan := going.next_plan(blocks):
        blocks.append(world.measure(plan))
    return blocks


@pytest.mark.parametrize(
    "proposer", [SurfaceProposer(), Together(SurfaceProposer(), OptunaProposer()), RandomProposer()]
)
def test_the_best_point_is_found_and_confirmed(proposer: Proposer) -> None:
    """Screening, search and confirmation follow each other, within the budget."""
    blocks = searched(course(proposer=proposer), Planted(), [])
    assert all(SPACE.baseline not in block.plan.points for block in blocks)
    phases = list(dict.fromkeys(block.plan.phase for block in blocks))
    assert phases == ["screening", "search", "confirmation"]
    found = answer(blocks, SearchRules())
    assert found.recommended is not None
    assert found.recommended.point == BEST or isinstance(proposer, RandomProposer)
    assert found.evaluations <= 40


def test_what_the_search_took_is_said_with_the_uses_that_pay_for_it() -> None:
    """The joules of all blocks are held against what a use of the found point saves."""
    blocks = searched(course(), Planted(), [])
    found = with_payback(blocks, SearchRules(), of_joules=True)
    assert found.joules == sum(block.joules or 0.0 for block in blocks)
    assert found.payback is not None
    of_v0 = values_of_v0([block for block in blocks if block.plan.confirms])
    saved = statistics.fmean(of_v0) * (1 - 0.607)
    assert found.payback.low < found.joules / saved < (found.payback.high or 0)


def test_the_interval_of_the_uses_holds_the_spread_of_v0() -> None:
    """Where V0's rounds differ more, it is less certain what a use saves."""
    blocks = searched(course(), Planted(), [])
    best = answer(blocks, SearchRules()).recommended
    assert best is not None
    steady, restless = (payback(1e3, of_v0, best) for of_v0 in ([100.0] * 3, [80.0, 100.0, 120.0]))
    assert steady is not None
    assert restless is not None
    assert restless.uses == pytest.approx(steady.uses)
    assert restless.low < steady.low
    assert (restless.high or math.inf) > (steady.high or 0.0)


def test_the_front_holds_what_no_other_point_beats() -> None:
    """From the least joules on, each point of the front has a better score than those before."""
    found = answer(searched(course(), Planted(), []), SearchRules())
    taken = [one.effect for one in found.front]
    margins = [one.margin or 0.0 for one in found.front]
    assert taken == sorted(taken)
    assert margins == sorted(set(margins))
    for one in found.standings:
        beaten = [f for f in found.front if f.effect <= one.effect and f.margin >= one.margin]
        assert beaten


def test_nothing_is_recommended_where_nothing_saves() -> None:
    """A space in which every point takes what V0 takes ends without a recommendation."""
    found = answer(searched(course(), Planted(same=True), []), SearchRules())
    assert found.recommended is None


def test_a_knob_without_an_effect_is_not_searched() -> None:
    """Of a knob that only costs, no point of the search has another level."""
    blocks = searched(course(), Planted(), [])
    for block in blocks:
        if block.plan.phase == "search":
            assert all(point[1] == 0 for point in block.plan.points)


@pytest.mark.parametrize(
    ("batch", "bf16", "left_out"), [(-0.01, -0.01, []), (0.01, 0.01, [0, 1]), (0.2, 0.2, [1])]
)
def test_only_knobs_that_seem_to_cost_are_left_out(
    batch: float, bf16: float, left_out: list[int]
) -> None:
    """One that took a per cent less stays, and so does a number that costs at its end."""
    space = Space(axes=SPACE.axes[:2])
    known = []
    for point, effect in {(0, 0): 0.02, (3, 0): batch, (1, 1): bf16}.items():
        known.append(PointStanding(point=point, rounds=1, effect=effect, margin=0.0))
    assert without_effect(space, known, noise=0.03) == left_out


def test_power_limits_come_last_at_the_best_setting_of_the_others() -> None:
    """While other knobs are searched, limits stay V0's; then they alone change."""
    space = space_of("data.batch_size=64,128,system.cpu_power_fraction=0.6,0.8", BASELINE)

    class World(Planted):
        def reading(self, point: tuple[int, ...], state: float = 0.0):
            batch, power = point
            return super().reading((1 + batch + power, 0, 0), state)

        def measure(self, plan: BlockPlan) -> SearchBlock:
            readings = {point: self.reading(point) for point in (space.baseline, *plan.points)}
            baseline = readings.pop(space.baseline)
            return SearchBlock(
                plan=plan, baseline=baseline, readings=readings, joules=1.0, seconds=1.0
            )

    going = Course(
        space=space,
        rules=SearchRules(),
        budget=budget_of("30"),
        proposer=SurfaceProposer(),
        refusal=Planted().refusal,
    )
    blocks = searched(going, World(), [])
    late = [block for block in blocks if block.plan.phase == "late"]
    early = [b for b in blocks if b.plan.phase in {"screening", "search"}]
    assert late
    assert all(point[1] == 0 for block in early for point in block.plan.points)
    assert any(point[1] > 0 for block in late for point in block.plan.points)


def test_a_refused_point_is_never_measured() -> None:
    """What the machine cannot run is neither screened nor proposed."""
    going = course(refusal=lambda point: "no bf16 here" if point[1] else "")
    blocks = searched(going, Planted(), [])
    assert all(point[1] == 0 for block in blocks for point in block.plan.points)


@pytest.mark.parametrize("text", ["", "0", "5 kWh", "kJ", "-3", "1e3"])
def test_a_budget_without_a_known_unit_is_refused(text: str) -> None:
    """The sentence says what a budget is."""
    with pytest.raises(UsageError, match="--budget: found"):
        budget_of(text)


def test_budgets_count_joules_and_seconds() -> None:
    """A budget in joules or seconds ends the search as one in evaluations does."""
    for text in ("6kJ", "10s"):
        blocks = searched(course(text), Planted(), [])
        budget = budget_of(text)
        assert 0.5 * budget.most < budget.spent(blocks) <= 1.1 * budget.most


def test_time_is_kept_for_five_blocks_of_the_confirmation() -> None:
    """Where cells of the search share stages and those of the confirmation none, all five fit."""

    class World(search_check.SimulatedSpace):
        def measure(self, plan: BlockPlan) -> SearchBlock:
            seconds = 74.0 if plan.confirms else 100.0  # for six cells, of which stages are shared
            return replace(super().measure(plan), seconds=seconds)

    world, budget = World(0), budget_of("25min")
    going = replace(course("25min", RandomProposer()), space=world.space)
    blocks: list[SearchBlock] = []
    while plan := going.next_plan(blocks):
        blocks.append(world.measure(plan))
    assert sum(block.plan.confirms for block in blocks) == 5
    assert budget.spent(blocks) <= budget.most


def test_finalists_are_the_best_and_the_best_that_keep_the_score_for_sure() -> None:
    """Of points whose score only seems to be kept, the first alone is confirmed."""

    def standing(number: int, low: float) -> PointStanding:
        effect = -1.0 + number / 10
        return PointStanding(point=(number,), rounds=2, effect=effect, margin=0.01, margin_low=low)

    found = [standing(0, -0.05), standing(1, -0.05), standing(2, 0.01), standing(3, 0.01)]
    assert finalists(found) == [(0,), (2,), (3,)]
    assert finalists(found[:2]) == [(0,), (1,)]


# --- the journal ----------------------------------------------------------------------------------


def test_a_search_that_was_cut_off_anywhere_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """Whole blocks are kept, the line that was being written is not, and the rest is measured."""
    path = tmp_path / "search.jsonl"
    with SearchJournal(path, ABOUT, SPACE) as journal:
        going, world = course(), Planted()
        while plan := going.next_plan(journal.blocks):
            journal.add(world.measure(plan))
        whole = list(journal.blocks)
    content = path.read_bytes()
    for end in range(0, len(content), 997):
        path.write_bytes(content[:end])
        with SearchJournal(path, ABOUT, SPACE) as journal:
            assert journal.blocks == whole[: len(journal.blocks)]
            number = len(journal.blocks)
            assert course().next_plan(journal.blocks) == (
                whole[number].plan if number < len(whole) else None
            )
            for block in whole[number:]:
                journal.add(block)
        assert path.read_bytes().count(b"\n") == len(whole) + 1


def test_a_journal_of_another_search_is_refused(tmp_path: Path) -> None:
    """The sentence names what differs."""
    path = tmp_path / "search.jsonl"
    with SearchJournal(path, ABOUT, SPACE):
        pass
    with pytest.raises(UsageError, match="of a search with another task: T2, and not T1"):
        SearchJournal(path, {**ABOUT, "task": "T1"}, SPACE)


def test_two_searches_do_not_write_one_journal(tmp_path: Path) -> None:
    """The second is told that the first one runs."""
    path = tmp_path / "search.jsonl"
    with SearchJournal(path, ABOUT, SPACE), pytest.raises(UsageError, match="another search"):
        SearchJournal(path, ABOUT, SPACE)


@pytest.mark.parametrize("line", ["no json", '{"phase": 3}', "[]", '"text"', "{}"])
def test_a_damaged_journal_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    """A line that is no block, or no JSON, is named."""
    path = tmp_path / "search.jsonl"
    with SearchJournal(path, ABOUT, SPACE):
        pass
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UsageError, match=r"search\.jsonl:2 is no"):
        SearchJournal(path, ABOUT, SPACE)


def test_a_block_of_other_data_is_refused(tmp_path: Path) -> None:
    """It is not kept, and the sentence names both data sets; a confirmation has its own rows."""
    path = tmp_path / "search.jsonl"

    def measured(number: int, phase: str, data: str) -> SearchBlock:
        plan = BlockPlan(number=number, phase=phase, points=(BEST,))
        return replace(Planted().measure(plan), conditions={"data": data})

    with SearchJournal(path, ABOUT, SPACE) as journal:
        journal.add(measured(0, "search", "a.csv 1111"))
        journal.add(measured(0, "confirmation", "a.csv 1111, test rows"))
        with pytest.raises(
            UsageError, match=r"with data a\.csv 1111, and this one with a\.csv 2222"
        ):
            journal.add(measured(1, "search", "a.csv 2222"))
    with SearchJournal(path, ABOUT, SPACE) as journal:
        assert len(journal.blocks) == 2


def test_the_journal_names_settings_for_people(tmp_path: Path) -> None:
    """Each line says in words which settings were measured."""
    path = tmp_path / "search.jsonl"
    with SearchJournal(path, ABOUT, SPACE) as journal:
        plan = BlockPlan(number=0, phase="search", points=(BEST,))
        journal.add(Planted().measure(plan))
    line = json.loads(path.read_text().splitlines()[1])
    assert line["readings"][0]["settings"] == "data.batch_size=128 inference.skip_layers=0.2"


@pytest.mark.slow
def test_simulated_spaces_of_ten_thousand_points_are_searched_well() -> None:
    """Most searches end within 5 % of the best point, and hardly any breaks the score."""
    proposer = Together(SurfaceProposer(), OptunaProposer())
    outcomes = [
        search_check.searched(search_check.SimulatedSpace(seed), 60, proposer) for seed in range(8)
    ]
    close = [one for one in outcomes if one.excess <= search_check.CLOSE and not one.violates]
    assert len(close) >= 6
    assert sum(one.violates for one in outcomes) <= 1
    assert all(one.evaluations <= 60 for one in outcomes)
