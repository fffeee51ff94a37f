"""``greenbench report`` writes one page, or says in a sentence why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from analysis import made
from report.page.parsed import assert_harmless, leave_out_charts

from greenbench.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write V0 and a variant that saves half, in five blocks, by two sessions."""
    means = {"V0_baseline": ((), made.BASE), "V2_training": (("training",), (8.0, 2.0, 15.0, 25.0))}
    cells = made.session(means, noise=0.01, right={"V0_baseline": 90, "V2_training": 90})
    folder = made.write(tmp_path_factory.mktemp("command") / "results", cells)
    return made.write(folder, cells, "20260102T000000Z")


def test_a_folder_becomes_a_page_with_the_answer(
    results: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The saving is named, and both sessions are listed."""
    leave_out_charts(monkeypatch)
    path = tmp_path / "report.html"
    assert main(["report", str(results), "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    parsed = assert_harmless(path.read_text("utf-8"))
    assert "V2" in parsed.text("p")
    assert "Session 2: 20260102T000000Z" in parsed.text("summary")
    assert "same in every entry" in parsed.text("p")


def test_what_cannot_become_a_page_is_one_sentence(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder, a damaged file, a target that is somebody's file: exit code 2."""
    (tmp_path / "empty").mkdir()
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "V0_x_20260101T000000Z.json").write_text("{")
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    for arguments, problem in (
        ([tmp_path / "empty"], "no results file is here"),
        ([damaged], "not a results file"),
        ([results, "-o", mine], "no report of greenbench"),
        ([results, "--allow", "nothing"], "--green-allow"),
    ):
        assert main(["report", *map(str, arguments)]) == 2
        errors = capsys.readouterr().err
        assert problem in errors
        assert errors.count("\n") == 1
    assert mine.read_text() == "mine"
