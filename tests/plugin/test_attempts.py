"""Records of cells whose rounds several processes report, in any order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from analysis import made

from greenbench.plugin.attempts import Attempts
from greenbench.report.summary import Summary

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.results.record import Json

LOST = "worker 'gw1' crashed"


def recorded(folder: Path, *, lost_first: bool) -> Json:
    """Return what the results file has of a cell that lost a round before or after another's."""
    written: dict[str, Any] = {}
    results = SimpleNamespace(record=written.update)
    cell = made.cell("V1_fast", (), [made.one_round(0, 1, (1.0, 1.0, 1.0, 1.0))], doubts=[])
    session = SimpleNamespace(selected=(SimpleNamespace(id=cell["id"]),), results=results)
    attempts = Attempts(session, Summary(folder))
    if lost_first:
        attempts.lose(cell["id"], LOST)
    attempts.keep(cell)
    if not lost_first:
        attempts.lose(cell["id"], LOST)
    return written


@pytest.mark.parametrize("lost_first", [False, True])
def test_a_cell_that_lost_a_round_fails_whichever_report_comes_first(
    tmp_path: Path, *, lost_first: bool
) -> None:
    """Another worker may still run an earlier round of it; that round is kept."""
    record = recorded(tmp_path, lost_first=lost_first)
    assert (record["status"], record["outcome"], record["error"]) == ("failed", "failed", LOST)
    assert len(record["rounds"]) == 1
