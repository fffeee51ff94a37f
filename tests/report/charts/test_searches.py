"""The history of a search in a report: crosses, rings and filled points, from its journal."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from report.page.parsed import assert_harmless, leave_out_charts
from search.planted import SPACE, Planted

from greenbench.errors import UsageError
from greenbench.report.charts.searches import search_figures
from greenbench.report.page.contents import page
from greenbench.report.page.searches import searches
from greenbench.report.report_data import read_report_data
from greenbench.search.budget import budget_of
from greenbench.search.course import Course
from greenbench.search.journal import SearchJournal
from greenbench.search.proposals import SurfaceProposer
from greenbench.search.racing import SearchRules
from greenbench.search.recorded import recorded_searches

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {"task": "T2", "quality": "mcc >= V0-0.02", "minimise": "energy", "slowdown": None}
BEST = "data.batch_size=128 inference.skip_layers=0.2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the journal of a search that found something."""
    made = tmp_path_factory.mktemp("results")
    world = Planted()
    course = Course(
        space=SPACE,
        rules=SearchRules(),
        budget=budget_of("30"),
        proposer=SurfaceProposer(),
        refusal=world.refusal,
    )
    with SearchJournal(made / "search_T2.jsonl", ABOUT, SPACE) as journal:
        while plan := course.next_plan(journal.blocks):
            journal.add(world.measure(plan))
    return made


def test_every_round_is_drawn_and_listed(folder: Path) -> None:
    """The table has each round with what became of its setting, the caption what marks mean."""
    (figure,) = search_figures(SimpleNamespace(searches=recorded_searches(folder)), 340)
    assert figure.name == "search-search-t2"
    states = {row[2]: row[4] for row in figure.rows}
    assert states[BEST] == "confirmed"
    assert states["inference.skip_layers=0.3"] == "the score is not kept"
    assert {row[4] for row in figure.rows if row[2] == BEST} == {"confirmed", "not confirmed"}
    assert len(figure.rows) <= 30
    assert "keeps mcc >= V0-0.02" in figure.caption
    assert "<svg" in figure.drawings["energy"]


def test_estimated_joules_of_a_search_are_never_called_measured(folder: Path) -> None:
    """The drawing and the answer say it, by the label that the blocks have of their joules."""
    (search,) = recorded_searches(folder)
    label = "gpu nvml, cpu estimated or cpu estimated"
    labelled = replace(search, blocks=tuple(replace(b, source=label) for b in search.blocks))
    data = SimpleNamespace(searches=(labelled,))
    (figure,) = search_figures(data, 340)
    assert "partly estimated joules" in figure.drawings["energy"]
    (view,) = searches(data)
    assert f"On T2, {BEST} takes 0.61" in view.sentence
    assert " times V0's partly estimated energy and keeps mcc >= V0-0.02" in view.sentence
    assert view.command.startswith("greenbench new V99_found --from V0 --set data.batch_size=128")


def test_a_folder_of_nothing_but_a_journal_becomes_a_page_with_its_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is the search's, with the command; no section of the page is empty."""
    leave_out_charts(monkeypatch)
    parsed = assert_harmless(page([read_report_data(folder)]))
    text = parsed.text("p")
    assert f"On T2, {BEST} takes" in text
    assert "greenbench new V99_found" in parsed.text("code")
    assert "No variant was measured" not in text
    assert "Sessions and machines" not in parsed.text("h2")


def test_a_search_that_runs_is_read_up_to_its_last_block(folder: Path, tmp_path: Path) -> None:
    """The line that is being written is left out; a damaged one is refused by its number."""
    content = (folder / "search_T2.jsonl").read_bytes()
    journal = tmp_path / "search_T2.jsonl"
    journal.write_bytes(content[:-20])
    (whole,), (running,) = recorded_searches(folder), recorded_searches(tmp_path)
    assert running.blocks == whole.blocks[:-1]
    journal.write_bytes(content.splitlines(keepends=True)[0] + b"{}\n")
    with pytest.raises(UsageError, match=r"search_T2\.jsonl:2: no line of a search's journal"):
        recorded_searches(tmp_path)
