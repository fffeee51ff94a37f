"""``--green-report`` writes the page at a session's end, or refuses before the first cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.page.parsed import assert_harmless, leave_out_charts
from stub_suite import run_here

if TYPE_CHECKING:
    import pytest


KEEP = ("--green-keep-outputs",)


def test_a_session_ends_with_its_report(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the cells with the answers that were to be kept, and the summary names the file."""
    leave_out_charts(monkeypatch)
    result = run_here(suite, "-k", "V0 or V1_", *KEEP, "--green-report=out/report.html")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["wrote out/report.html"])
    parsed = assert_harmless((suite.path / "out/report.html").read_text("utf-8"))
    assert "Energy report of this session" in parsed.text("h1")
    assert {"V0_baseline", "V1_fast"} <= set(parsed.texts["th"])
    assert "Test row 9" in parsed.texts["h3"]
    assert "0.91" in parsed.text("code")


def test_a_file_that_is_none_of_ours_is_refused_before_the_first_cell(
    suite: pytest.Pytester,
) -> None:
    """A usage error, and nothing is measured."""
    (suite.path / "mine.html").write_text("mine")
    result = run_here(suite, "--green-report=mine.html")
    assert result.ret == 4
    assert "no report of greenbench" in "\n".join([*result.outlines, *result.errlines])
    assert not list(suite.path.glob("results/*.json"))
