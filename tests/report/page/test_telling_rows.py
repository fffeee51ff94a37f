"""The test rows that tell most stand first, with both answers, and only where files keep them."""

from __future__ import annotations

from typing import Any

from report.page.test_contents import MADE, data_of
from report.sessions import cell

from greenbench.report.page.contents import page
from greenbench.report.page.telling_rows import CUT, MOST_CHARACTERS, MOST_ROWS, telling_rows

TRUE = "return a + b ;"


def row(number: int, output: str, *, right: bool | None = False, **more: Any) -> dict[str, Any]:
    """Return a test row whose true answer is TRUE."""
    texts = {"source": f"int f{number}()", "expected": TRUE, "output": output, "outcome": "ran"}
    return {"row": number, "right": right, **texts, **more}


def rows_of(*answered: tuple[dict[str, Any], dict[str, Any]]) -> Any:
    """Return what is shown of a variant whose answers stand beside V0's."""
    here = [ours for ours, _ in answered]
    there = [theirs for _, theirs in answered]
    records = [
        cell("T1-V0_baseline", [10.0, 11.0], answered=there),
        cell("T1-V1_data", [5.0, 6.0], answered=here),
    ]
    return telling_rows(data_of(records))


def test_rows_that_one_alone_gets_right_come_first_and_equal_answers_not_at_all() -> None:
    """Then come those whose answers differ most in likeness to the true one."""
    alike = (row(0, "same"), row(0, "same"))
    near = (row(1, "return a + b"), row(1, "return a + c ;"))
    far = (row(2, "nothing of it"), row(2, "return a + b + c ;"))
    discordant = (row(3, TRUE, right=True), row(3, "return a + b ; ;"))
    (shown,) = rows_of(alike, near, far, discordant)
    assert [one.number for one in shown.rows] == [4, 3, 2]
    assert shown.cell == "T1-V1_data"
    assert shown.about.startswith("3 of 4 rows that were kept. The answers to 3 differ; 1 ")
    first = shown.rows[0]
    assert (first.variant.right, first.baseline.right) == (True, False)
    assert (first.variant.lines, first.baseline.lines) == ((TRUE,), ("return a + b ; ;",))


def test_numbers_that_are_neither_right_nor_wrong_are_told_by_their_distance() -> None:
    """The row whose two errors differ most stands first; nothing is counted as right."""
    near = (row(0, "2.1", right=None, expected="2"), row(0, "2.2", right=None, expected="2"))
    far = (row(1, "9", right=None, expected="2"), row(1, "2.2", right=None, expected="2"))
    (shown,) = rows_of(near, far)
    assert [one.number for one in shown.rows] == [2, 1]
    assert shown.about.endswith("The answers to 2 differ.")


def test_at_most_ten_rows_are_shown_and_long_texts_cut() -> None:
    """Lines stay lines, tabs become blanks, and a cut text says so."""
    long = "\tone\n" + "x" * MOST_CHARACTERS
    (shown,) = rows_of(*[(row(n, long), row(n, f"{n}")) for n in range(MOST_ROWS + 5)])
    assert len(shown.rows) == MOST_ROWS
    first, second = shown.rows[0].variant.lines
    assert first == "    one"
    assert second.endswith(f"x{CUT}")


def test_rows_of_other_data_are_not_put_side_by_side() -> None:
    """A row number alone does not make two texts the same row."""
    assert rows_of((row(0, "one", source="int g()"), row(0, "other"))) == []


def test_without_kept_answers_a_sentence_says_how_to_keep_them() -> None:
    """The option is named where the rows would stand."""
    records = [cell("T2-V0_baseline", [10.0, 11.0]), cell("T2-V1_data", [5.0, 6.0])]
    html = page([data_of(records)], made=MADE)
    assert "--green-keep-outputs" in html
    assert "beside V0</summary>" not in html
