"""Tables fit the terminal: columns are dropped in their order, names folded, nothing is cut."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from greenbench.report.layout import Column, fitting, folded, print_table

NAMES = Column(heading="cell", texts=["T2 V0", "T2 V1 b16"])
STATUS = Column(heading="status", texts=["ok", "partial"])
TIME = Column(heading="time", texts=["1 s", "12.5 s"], dropped=1, numbers=True)
TOTAL = Column(
    heading="total",
    texts=["48 +- 40 J", "280 +- 230 J"],
    short=["48 J", "280 J"],
    dropped=2,
    numbers=True,
)
EVERY = [NAMES, TIME, TOTAL, STATUS]


def printed(columns: list[Column], width: int) -> list[str]:
    """Return the lines of a table on a terminal of this width."""
    out = io.StringIO()
    print_table(Console(file=out, width=width), columns)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (80, ["cell", "time", "total", "status"]),
        (40, ["cell", "time", "total", "status"]),
        (39, ["cell", "total", "status"]),
        (25, ["cell", "total", "status"]),
        (24, ["cell", "status"]),
        (5, ["cell", "status"]),
    ],
)
def test_columns_are_dropped_in_their_order(width: int, headings: list[str]) -> None:
    """Time goes first, the total is shortened before it goes, cell and status never do."""
    assert [column.heading for column in fitting(EVERY, width)] == headings


def test_a_column_is_shortened_before_it_is_dropped() -> None:
    """Without its +- the total fits into 25 columns."""
    assert fitting(EVERY, 25)[1].texts == TOTAL.short
    assert fitting(EVERY, 32)[1].texts == TOTAL.texts


def test_numbers_stand_on_the_right_and_words_on_the_left() -> None:
    """Every entry stands in its column, below the heading."""
    assert printed(EVERY, 80) == [
        "cell         time         total  status",
        "─" * 40,
        "T2 V0         1 s    48 +- 40 J  ok",
        "T2 V1 b16  12.5 s  280 +- 230 J  partial",
    ]


def test_long_names_are_folded_and_whole() -> None:
    """A name of 60 characters takes several lines in its column; status and ratio stay."""
    name = "test_" + "x" * 30 + "[a-parameter-of-25-letters]"
    long = Column(heading="cell", texts=[name, "T2 V1"])
    lines = printed([long, TIME, STATUS], 60)
    assert all(len(line) <= 60 for line in lines)
    assert "".join(line[:20].strip() for line in lines[2:-1]) == name
    assert lines[-1].split() == ["T2", "V1", "12.5", "s", "partial"]


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P"))), st.integers(1, 30))
def test_folding_loses_no_character(name: str, width: int) -> None:
    """Joined, the lines are the name again, and none is wider than its column."""
    lines = folded(name, width)
    assert "".join(lines) == name
    assert all(len(line) <= width for line in lines)


def test_what_cannot_fit_runs_over_instead_of_being_cut() -> None:
    """On ten columns every entry is still whole."""
    text = "\n".join(printed(EVERY, 10))
    for entry in (*STATUS.texts, *NAMES.texts):
        assert entry in text
