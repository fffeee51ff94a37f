"""Rounds of many sessions become the cells of one side."""

from __future__ import annotations

from typing import Any

import pytest

from greenbench.errors import UsageError
from greenbench.run.change.merging import merged
from greenbench.run.change.sessions import BlockSession
from tests.gates import made


def session(block: int, *cells: Any, offset: int = 0) -> BlockSession:
    """Return what a session measured."""
    return BlockSession(
        side="head",
        block=block,
        offset=offset,
        seconds=1.0,
        failed=False,
        cells={cell.id: cell for cell in cells},
        saved_run=None,
    )


def cell(block: int, joules: float = 100.0, name: str = "T2-V0_x", **more: Any) -> Any:
    """Return a cell of one round, as a session has measured it."""
    one_round = made.one_round(block, joules, outcomes=made.answers(90), block=block, position=0)
    return made.cell(name, rounds=[one_round], **more)


def test_a_round_has_its_place_in_the_whole_job() -> None:
    """Blocks pair the rounds up, and places tell a drift."""
    sessions = [session(0, cell(0), offset=0), session(1, cell(1), offset=9)]
    both = merged(sessions, "a job")["T2-V0_x"]
    places = [(r.seed, r.block, r.position) for r in both.record.rounds]
    assert places == [(0, 0, 0), (1, 1, 9)]
    assert both.header.session_id == "a job"


def test_joules_and_scores_are_those_of_all_rounds() -> None:
    """Not of the first session."""
    sessions = [session(0, cell(0, 100.0)), session(1, cell(1, 120.0))]
    record = merged(sessions, "a job")["T2-V0_x"].record
    assert record.joules == 110.0


def test_a_cell_that_failed_once_is_no_evidence() -> None:
    """The rounds of other sessions do not hide it."""
    failed = cell(1, status="failed", error="it raised")
    record = merged([session(0, cell(0)), session(1, failed)], "a job")["T2-V0_x"].record
    assert record.flaw is not None
    assert "it raised" in record.flaw.reason


def test_a_cell_that_a_session_lacks_is_no_evidence() -> None:
    """Nothing passes by being absent now and then."""
    sessions = [session(0, cell(0)), session(1, cell(1, name="T2-V1_x"))]
    record = merged(sessions, "a job")["T2-V0_x"].record
    assert record.flaw is not None
    assert record.flaw.reason.endswith("it left a record in 1 of 2 sessions")


def test_a_plain_function_pairs_up_by_block() -> None:
    """Its rounds have no seeds of their own."""
    name = "test_a.py::test_step"
    plain = made.cell(name, rounds=[made.one_round(0, 1.0)], task="", variant="")
    sessions = [session(0, plain), session(5, plain, offset=3)]
    rounds = merged(sessions, "a job")[name].record.rounds
    assert [(r.seed, r.block, r.position) for r in rounds] == [(0, 0, 0), (5, 5, 3)]


def test_a_test_with_rounds_of_its_own_is_refused() -> None:
    """Several rounds of a session are no blocks."""
    twice = made.cell("test_a.py::test_step", (1.0, 1.1), task="", variant="")
    with pytest.raises(UsageError, match=r"test_step measures 2 rounds .*leave out rounds="):
        merged([session(0, twice)], "a job")


def test_a_cell_is_void_if_most_of_its_rounds_are() -> None:
    """One degenerate round of three is a warning of its own."""
    void = {"degenerate": ["one answer"]}
    mostly = [session(0, cell(0, **void)), session(1, cell(1, **void)), session(2, cell(2))]
    assert merged(mostly, "a job")["T2-V0_x"].record.degenerate == ("one answer",)
    once = [session(0, cell(0, **void)), session(1, cell(1)), session(2, cell(2))]
    assert merged(once, "a job")["T2-V0_x"].record.degenerate == ()
