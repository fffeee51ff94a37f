"""Tables are found with the lines of their rows, and cells come as plain text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.experiment.markdown import column_key, read_sections


def test_rows_come_with_their_lines() -> None:
    """Lines are numbered as in an editor, with any line ending."""
    text = "# One\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 |\n\n## Two\n\ntext\n"
    for newline in ("\n", "\r\n", "\r"):
        one, two = read_sections(text.replace("\n", newline))
        assert (one.heading, one.line, two.heading, two.line, two.tables) == (
            "One",
            1,
            "Two",
            8,
            (),
        )
        assert [(r.line, dict(r.cells), r.width) for r in one.tables[0].rows] == [
            (5, {"a": "1", "b": "2"}, 2),
            (6, {"a": "3", "b": ""}, 1),
        ]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("`V1`", "V1"),
        ("**bold** _and_ [link](somewhere)", "bold and link"),
        ("a \\| b", "a | b"),
        ("&mdash;", "—"),
        ("✓ <!-- since May -->", "✓"),
        ("one<br>two", "one two"),
        ("snake_case_name", "snake_case_name"),
    ],
)
def test_cells_are_plain_text(written: str, plain: str) -> None:
    """A cell is the text that a browser shows."""
    (section,) = read_sections(f"|a|b|\n|-|-|\n|{written}|x|\n")
    (row,) = section.tables[0].rows
    assert (row.cells["a"], row.cells["b"], row.width) == (plain, "x", 2)


@pytest.mark.parametrize("frame", ["<!--\n{}\n-->", "```\n{}\n```", "> {}"])
def test_what_is_not_shown_as_a_table_is_not_found(frame: str) -> None:
    """Tables in comments, code and quotations are not found."""
    quoted = "|a|\n|-|\n|1|".replace("\n", "\n> " if frame.startswith(">") else "\n")
    (section,) = read_sections(frame.format(quoted))
    assert section.tables == ()


def test_a_broken_table_is_distinguished_from_text() -> None:
    """Lines that start like a row and belong to no table are known by their first line."""
    (section,) = read_sections("text | with a bar\n\n|a|b|\n|-|\n|1|2|\n")
    assert section.broken == (3,)


@settings(deadline=None)
@given(text=st.text(st.sampled_from("#|-: \n\\`*<!->xV1_✓")))
def test_any_markdown_gives_sections(text: str) -> None:
    """In any text, each row of a table has a cell for each column."""
    for table in (t for s in read_sections(text) for t in s.tables):
        assert all(set(map(column_key, table.columns)) == row.cells.keys() for row in table.rows)
        assert all(text.split("\n")[row.line - 1].strip() for row in table.rows)
