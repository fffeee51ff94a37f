"""Figures for papers as files: what is written, what is replaced, and what is never touched."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from analysis import made
from report import charted

from greenbench.cli import main
from greenbench.errors import UsageError
from greenbench.report.charts import files
from greenbench.report.charts.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20">'
    '<text x="5" y="15" font-family="sans-serif">V7 joules</text></svg>'
)


@pytest.fixture(autouse=True)
def one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a small figure with two switches, whatever the results."""
    figure = Figure(
        name="quality-t2",
        title="T2",
        caption="n = 3 rounds.",
        drawings={"total": SVG, "GPU": SVG},
        columns=("cell", "J"),
        rows=(("V7", 1.5),),
    )
    monkeypatch.setattr(files, "drawn", lambda _data, *, width: [figure] if width else [])


def write(folder: Path) -> list[str]:
    """Write the figures and return the names of the files."""
    return [path.name for path in files.write_figures(charted.factorial(), folder)]


def test_each_drawing_is_an_svg_and_a_pdf_and_each_figure_two_tables(tmp_path: Path) -> None:
    """The first switch bears the figure's name, further ones theirs too; a list names all."""
    names = write(tmp_path / "new" / "folder")
    expected = [f"quality-t2{part}" for part in (".svg", ".pdf", "-gpu.svg", "-gpu.pdf")]
    assert names == [*expected, "quality-t2.tex", "quality-t2.md", files.LIST]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    ET.parse(tmp_path / "new" / "folder" / "quality-t2.svg")
    assert (tmp_path / "new" / "folder" / "quality-t2.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext is installed")
def test_text_in_a_pdf_is_text(tmp_path: Path) -> None:
    """Words of a chart can be found and copied in its PDF."""
    write(tmp_path)
    command = ["pdftotext", str(tmp_path / "quality-t2.pdf"), "-"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "V7 joules" in ran.stdout


def test_data_that_fit_no_page_are_no_table_of_latex(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 60 rows come in Markdown alone."""
    monkeypatch.setattr(files, "MOST_ROWS", 0)
    assert "quality-t2.tex" not in write(tmp_path)


def test_files_of_an_earlier_call_are_replaced(tmp_path: Path) -> None:
    """A second call writes the same files anew."""
    names = write(tmp_path)
    (tmp_path / "quality-t2.md").write_text("old")
    assert write(tmp_path) == names
    assert "V7" in (tmp_path / "quality-t2.md").read_text()


def test_a_file_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    """One that is in the way is named, and nothing at all is written."""
    (tmp_path / "quality-t2.pdf").write_text("mine")
    with pytest.raises(UsageError, match=r"quality-t2.pdf: it is there, and no earlier"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["quality-t2.pdf"]
    assert (tmp_path / "quality-t2.pdf").read_text() == "mine"


def test_the_command_writes_figures_and_no_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--figures`` alone writes a folder; with two results it is refused in a sentence."""
    results = made.write(tmp_path / "results", charted.cells(1)[:2])
    folder = tmp_path / "figures"
    assert main(["report", str(results), "--figures", str(folder)]) == 0
    assert capsys.readouterr().out == f"wrote 7 files into {folder}\n"
    assert not (tmp_path / "report.html").exists()
    assert main(["report", str(results), str(results), "--figures", str(folder)]) == 2
    assert "found 2 results" in capsys.readouterr().err


def test_nothing_to_draw_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without any figure one sentence says what is lacking, and no folder is made."""
    monkeypatch.setattr(files, "drawn", lambda _data, *, width: [] if width else [None])
    with pytest.raises(UsageError, match="there is nothing to draw"):
        write(tmp_path / "new")
    assert not (tmp_path / "new").exists()
