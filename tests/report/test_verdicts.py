"""Verdicts as people read them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from greenbench.gates.verdict import Verdict
from greenbench.report import verdicts as report


def verdict(cell: str = "T2-V1_x", outcome: str = "PASS", **more) -> Verdict:
    """Return a verdict on an energy gate."""
    about = {
        "gate": "energy <= 1.05*saved",
        "unit": "J",
        "form": "ratio",
        "here": 110.0,
        "there": 100.0,
        "change": 1.1,
    }
    return Verdict(cell=cell, outcome=outcome, **{**about, "low": 1.05, "high": 1.15, **more})


def shown(verdicts: list[Verdict]) -> str:
    """Return what a terminal would show."""
    console = Console(file=io.StringIO(), width=120)
    report.print_comparison(console, verdicts, "pr against main")
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "x 1.100 (1.050 to 1.150)"),
        (
            {"form": "difference", "change": -0.02, "low": -0.03, "high": -0.01},
            "-0.02 (-0.03 to -0.01)",
        ),
        ({"low": None, "high": None}, "x 1.100"),
        ({"low": 1.1, "high": 1.1}, "x 1.100"),
        (
            {"form": "number", "change": 0.5, "low": 0.4, "high": 0.6, "unit": ""},
            "0.5 (0.4 to 0.6)",
        ),
        ({"change": None}, "-"),
    ],
)
def test_a_change_is_written_with_its_interval(more: dict, text: str) -> None:
    """As a factor, a difference, or the value itself."""
    assert report.row(verdict(**more))[3] == text


def test_large_counts_are_short() -> None:
    """Numbers have as many digits as they need."""
    assert report.row(verdict(unit="FLOP", here=231076306944, there=2.31e11))[1:3] == (
        "2.311e+11 FLOP",
        "2.31e+11 FLOP",
    )


def test_the_worst_cells_are_listed_where_there_are_too_many() -> None:
    """Thousands of rows tell nobody anything; programs take the JSON."""
    many = [verdict(f"c{n}") for n in range(report.MOST_ROWS + 50)] + [verdict("bad", "REGRESSED")]
    text = shown(many)
    assert "bad" in text
    assert "and 51 more with better verdicts" in text
    assert "250 PASS, 1 REGRESSED" in text


def test_a_loss_against_something_else_than_the_saved_run_is_called_fail() -> None:
    """Table, sentences and counts have the word FAIL."""
    text = shown([verdict(outcome="REGRESSED", gate="energy <= 0.6*V0", reason="too much")])
    assert "REGRESSED" not in text
    assert "FAIL: energy <= 0.6*V0: T2-V1_x: too much" in text
    assert "1 FAIL" in text


def test_a_reason_is_printed_once_for_all_its_cells() -> None:
    """They name what was compared with in place of a missing reference."""
    lines = report.lines(
        [
            verdict("a", "UNMEASURED", reason="no counter"),
            verdict("b", "UNMEASURED", reason="no counter"),
            verdict("c", reference="T2-V0_baseline of results, 3 days old"),
            verdict("d", reference="d of main.json"),
        ]
    )
    assert lines == [
        "UNMEASURED: energy <= 1.05*saved: a, b: no counter",
        "PASS: energy <= 1.05*saved: c: compared with T2-V0_baseline of results, 3 days old",
    ]


def test_markdown_is_a_table_that_survives_its_own_signs() -> None:
    """A pipe or an angle bracket in a name does not break it."""
    missing = verdict("a|b", "MISSING", reason="<gone>\x1b", change=None)
    text = report.markdown([missing], "title")
    assert "| energy &lt;= 1.05*saved | a\\|b | 110 J | 100 J | - | MISSING |" in text
    assert "- MISSING: energy &lt;= 1.05*saved: a\\|b: &lt;gone>\\\\x1b" in text


def test_a_table_of_verdicts_fits_the_terminal() -> None:
    """The reference's value goes first, then the cell's own; change and verdict stay."""
    long = verdict("test_" + "x" * 60, "INCONCLUSIVE")
    change = ["change", "(95", "%)", "verdict"]
    for width, headings in (
        (100, ["cell", "here", "there", *change]),
        (76, ["cell", "here", *change]),
        (66, ["cell", *change]),
    ):
        console = Console(file=io.StringIO(), width=width)
        report.show(console, [long])
        lines = console.file.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert lines[1].split() == headings
        assert "x 1.100 (1.050 to 1.150)" in lines[3]
        assert "INCONCLUSIVE" in lines[3]


def test_no_control_character_reaches_the_terminal() -> None:
    """Neither in a gate, nor in a cell, nor in a reason."""
    text = shown([verdict("a\x1b[31m", "MISSING", reason="gone\x07", change=None)])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a\\x1b[31m" in text
