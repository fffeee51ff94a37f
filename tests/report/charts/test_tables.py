"""Tables for papers: every text comes out as it is, and numbers stand in columns of numbers."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from greenbench.report.charts.figure import Figure
from greenbench.report.charts.tables import latex, latex_text, markdown

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = r"\input{/etc/passwd} & 100 % $x_1$ #1 ~ ^ {a} <b> | -- `` ''"


def figure(name: str = "V1", value: float | None = 12.5) -> Figure:
    """Return a figure with a column of names, and one of numbers."""
    return Figure(
        name="quality-t2",
        title=f"{name} against mcc",
        caption=f"{name}: n = 3 rounds.",
        drawings={},
        columns=("cell", "J a round"),
        rows=((name, value), ("V0", 1234.5), ("V2", None)),
    )


def test_numbers_stand_in_a_column_of_siunitx_that_is_wide_enough() -> None:
    """Four digits before and one after the point have room; unknown is a dash, not a number."""
    text = latex(figure())
    assert r"\begin{tabular}{lS[table-format=4.1]}" in text
    assert r"\else\width\fi}{!}{%" in text
    assert r"{lS[table-format=-4.1]}" in latex(figure(value=-12.5))
    assert r"    V1 & 12.5 \\" in text
    assert r"    V2 & {--} \\" in text
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:quality-t2}"):
        assert command in text


def test_very_small_numbers_have_room_for_their_exponent() -> None:
    """A number that is written with an exponent stands in a column that takes any."""
    assert r"{lS}" in latex(figure(value=1.25e-7))


@given(st.text())
def test_no_text_holds_a_command_of_latex(text: str) -> None:
    """After the known replacements are taken out, nothing of LaTeX's own characters is left."""
    rest = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|(?<=-)\{\}", "", latex_text(text))
    assert not set(rest) & set('\\&%$#_{}~^<>|"')


def test_hostile_names_stay_text_in_markdown() -> None:
    """A name adds no column, no HTML and no emphasis to a table of Markdown."""
    html = MarkdownIt("commonmark").enable("table").render(markdown(figure(HOSTILE)))
    assert html.count("<td") == 6
    assert "<b>" not in html.replace("<strong>", "")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_latex_compiles(tmp_path: Path) -> None:
    """A LaTeX engine sets a table with a hostile name."""
    preamble = (
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs,graphicx,siunitx}"
    )
    text = f"{preamble}\\begin{{document}}{latex(figure(HOSTILE))}\\end{{document}}"
    (tmp_path / "table.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "table.pdf").is_file()
