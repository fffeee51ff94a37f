"""What a session prints at its end, as whole pages, at the widths of terminals and logs.

The pages lie in ``golden/``; ``GREENBENCH_GOLDEN=write`` writes them anew, for a look at the diff.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

import pytest
from report.sessions import cell, forty, shown, twenty

from greenbench.gates.verdict import Verdict

GOLDEN = Path(__file__).parent / "golden"
PAGES = {"twenty": lambda: twenty(1), "twenty_5_rounds": lambda: twenty(5), "forty": forty}
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@functools.cache
def printed(page: str, width: int) -> str:
    """Return a page; each is made once."""
    return shown(PAGES[page](), width)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("page", PAGES)
def test_pages_look_as_reviewed(page: str, width: int) -> None:
    """Answer, table, caption and warnings; forty cells have names of 60 characters."""
    text = printed(page, width)
    file = GOLDEN / f"{page}_{width}.txt"
    if os.environ.get("GREENBENCH_GOLDEN") == "write":
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("page", PAGES)
def test_no_line_is_wider_than_the_terminal(page: str, width: int) -> None:
    """Whatever the names are."""
    assert max(map(len, printed(page, width).splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("page", PAGES)
def test_colour_changes_no_character(page: str, width: int) -> None:
    """Without styles a coloured page is the plain one; it has styles."""
    coloured = shown(PAGES[page](), width, colour=True)
    lines = [line.rstrip() for line in STYLE.sub("", coloured).splitlines()]
    assert lines == printed(page, width).splitlines()
    assert "\x1b[32m" in coloured


def test_the_answer_comes_first_and_gates_are_counted_in_it() -> None:
    """Then the table, then verdicts, then warnings."""
    records = [cell("T2-V0_baseline", [100.0], doubts=["a warning"]), cell("T2-V1_x", [50.0])]
    verdict = Verdict(
        gate="energy <= 0.6*V0", cell="T2-V1_x", outcome="PASS", form="ratio", change=0.5
    )
    lines = shown(records, verdicts=[verdict]).splitlines()
    starts = [
        "On T2, V1 saves",
        "Gates: 1 PASS.",
        "cell ",
        "vs V0: ",
        "energy <= 0.6*V0",
        "- T2 V0: a",
    ]
    places = [next(i for i, line in enumerate(lines) if line.startswith(s)) for s in starts]
    assert places == sorted(places)


def test_verbose_shows_every_warning_and_the_rounds() -> None:
    """How rounds differ, who is right alone, and each accuracy note."""
    text = shown(twenty(5), verbose=True)
    assert "T2-V2_training: mean of 5 rounds: " in text
    assert "T2-V4_architecture against V0 on the same 100 examples in 5 rounds" in text
    assert "cpu energy is" in text
    assert "more: --green-verbose" not in text


def test_missing_cells_and_problems_are_named() -> None:
    """A cell that was to run and left no record, and a file that could not be written."""
    records = [cell("T2-V0_baseline", [100.0])]
    text = shown(
        records, selected=["T2-V0_baseline", "T2-V1_x"], problems=["T2-V0: disk \x1b full"]
    )
    assert "- T2-V1_x: no record, interrupted or not started" in text
    assert "! T2-V0: disk \\x1b full" in text


def test_notes_about_the_session_come_first_and_are_never_cut() -> None:
    """A dozen void cells hide neither an interrupted cell nor a cap that was not restored."""
    failed = [
        cell(f"T2-V{number}_x", [], status="failed", error=f"ValueError: {'x' * number}")
        for number in range(1, 13)
    ]
    notes = [f"note {number}" for number in range(12)]
    missing = "T2-V0_baseline: no record, interrupted or not started"
    text = shown(failed, selected=["T2-V0_baseline"], notes=notes)
    bullets = [line for line in text.splitlines() if line.startswith("- ")]
    assert bullets[0] == f"- {missing}"
    assert [line for line in bullets if "note " in line] == [f"- {note}" for note in notes]
    last_note = bullets.index(f"- {notes[-1]}")
    assert not any("failed: " in line for line in bullets[:last_note])
    assert sum("failed: " in line for line in bullets) == 10
    assert bullets[-1] == "- and 2 more: --green-verbose, or the results files"


def test_nothing_measured_prints_nothing() -> None:
    """A session without cells has no section."""
    assert shown([]) == "\n"


def test_plain_functions_have_a_table_and_no_answer() -> None:
    """Another repository's test is shown by its name, and no variant is mentioned."""
    plain = cell("test_mine", [3.0], task="", variant="", quality={})
    text = shown([plain])
    assert "test_mine" in text
    assert "V0" not in text
