"""What people read of a search: sentences with interval and n, costs, and the line to paste."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from search.planted import SPACE, Planted

from greenbench.gates.expression import parse
from greenbench.report import search as report
from greenbench.report.search import SearchTexts
from greenbench.results.record import builtin
from greenbench.search.answer import SearchAnswer, with_payback
from greenbench.search.budget import budget_of
from greenbench.search.course import Course
from greenbench.search.proposals import SurfaceProposer
from greenbench.search.racing import SearchRules

if TYPE_CHECKING:
    from greenbench.search.readings import SearchBlock

TEXTS = SearchTexts("T2", parse("mcc >= V0-0.02"), "energy", SPACE)
BUDGET = budget_of("40")


def searched(world: Planted) -> list[SearchBlock]:
    """Search the planted space to its end."""
    course = Course(
        space=SPACE,
        rules=SearchRules(),
        budget=BUDGET,
        proposer=SurfaceProposer(),
        refusal=world.refusal,
    )
    blocks: list[SearchBlock] = []
    while plan := course.next_plan(blocks):
        blocks.append(world.measure(plan))
    return blocks


@pytest.fixture(scope="module")
def blocks() -> list[SearchBlock]:
    """Return a search that finds something."""
    return searched(Planted())


@pytest.fixture(scope="module")
def found(blocks: list[SearchBlock]) -> SearchAnswer:
    """Return its answer."""
    return with_payback(blocks, SearchRules(), of_joules=True)


def test_the_answer_has_interval_n_cost_and_uses(found: SearchAnswer) -> None:
    """One sentence recommends, the others say what the search took and when that is saved."""
    first, cost, paid = report.sentences(TEXTS, found)
    assert first.startswith("On T2, data.batch_size=128 inference.skip_layers=0.2 takes 0.60 (")
    assert "keeps mcc >= V0-0.02: mcc differs from V0's by -0.004 (-0.014 to +0.006)" in first
    assert "n = 5 blocks on test rows and seeds that the search had not seen" in first
    assert "(5 blocks of " in first
    assert cost.startswith("The search took 10 s: ")
    assert "whose measured rounds took 3700 J; imports, warm-up, scoring" in cost
    assert paid.startswith("The joules of its rounds are saved after ")


def test_a_score_that_is_the_same_in_every_round_is_no_difference(found: SearchAnswer) -> None:
    """An interval without width says that answers are V0's; of 0.00 it would read as guessing."""
    best = found.recommended
    assert best is not None
    same = replace(best, margin=0.02, low=0.02, high=0.02)
    assert report.score(TEXTS, same) == "mcc is V0's in every round"
    shifted = replace(best, margin=0.03, low=0.03, high=0.03)
    assert report.score(TEXTS, shifted).startswith("mcc differs from V0's by +0.010")


def test_what_is_confirmed_is_a_command_to_paste(found: SearchAnswer) -> None:
    """The command makes the variant; without a confirmed setting there is none."""
    command = report.to_paste(TEXTS, found, "V9_found")
    assert command == (
        "greenbench new V9_found --from V0 --set data.batch_size=128 "
        "--set inference.skip_layers=0.2"
    )


def test_without_a_proof_nothing_is_recommended() -> None:
    """The sentence says that nothing is confirmed, and of how many settings."""
    empty = with_payback(searched(Planted(same=True)), SearchRules(), of_joules=True)
    first = report.sentences(TEXTS, empty)[0]
    assert first.startswith(
        "On T2, no setting is confirmed to take less energy than V0 and to keep"
    )
    assert report.to_paste(TEXTS, empty, "V9_found") == ""


def test_tables_and_json_hold_every_setting(found: SearchAnswer) -> None:
    """The terminal shows finalists with verdicts and what was dropped; JSON has all of it."""
    out = io.StringIO()
    report.show(Console(file=out, width=120), TEXTS, found, "V9_found", front=True)
    printed = out.getvalue()
    assert "The front on validation rows, not confirmed" in printed
    assert "confirmed" in printed
    assert "settings dropped: it takes more than" in printed
    whole = json.loads(json.dumps(builtin(report.as_json(TEXTS, found, "V9_found"))))
    assert len(whole["searched"]) == len(found.standings)
    assert whole["finalists"][0]["settings"] == "data.batch_size=128 inference.skip_layers=0.2"


def test_the_line_after_a_block_says_what_is_left(
    found: SearchAnswer, blocks: list[SearchBlock]
) -> None:
    """It names the phase, the budget, and the best so far."""
    line = report.progress(TEXTS, BUDGET, blocks[-1], found, 30)
    assert line.startswith("greenbench search: confirmation, block 5; 30 evaluations spent, 10 ")
    assert "confirmed so far: data.batch_size=128 inference.skip_layers=0.2, 0.60 times" in line
