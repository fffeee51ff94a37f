"""Writes figures for papers: SVG, PDF, and tables in LaTeX and Markdown.

A file of an earlier call is replaced; one that this command did not write is never touched. Which
ones it wrote stands in a list beside them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.report.charts import drawn
from greenbench.report.charts.figure import slug
from greenbench.report.charts.tables import MOST_ROWS, latex, markdown

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.report.charts.figure import Figure
    from greenbench.report.report_data import ReportData

WIDTH = 640
"""Pixels; 17 cm in a PDF: the width of a page's text."""
LIST = "greenbench-figures.txt"


def write_figures(data: ReportData, folder: Path) -> list[Path]:
    """Write every figure of ``data`` into ``folder`` and return the files, the list last.

    Raises UnavailableError without the extra ``report``, UsageError where there is nothing to draw
    and for a file in the way that is not ours, and OSError where the folder cannot be written.
    """
    figures = drawn(data, width=WIDTH)
    if not figures:
        raise UsageError(
            f"{data.name}: there is nothing to draw: no task has V0 and a variant whose joules or "
            "seconds are known; give results of pytest bench -k 'V0 or V7'"
        )
    contents: dict[str, bytes] = {}
    for figure in figures:
        contents |= _contents(figure)
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_others(folder, contents)
    listed = "".join(f"{name}\n" for name in contents)
    contents[LIST] = listed.encode()
    paths = []
    for name, content in contents.items():
        path = folder / name
        _replace(path, content)
        paths.append(path)
    return paths


def _contents(figure: Figure) -> dict[str, bytes]:
    """Return the files of a figure; the drawing of its first switch bears the figure's name."""
    from vl_convert import svg_to_pdf

    contents = {}
    for number, (switch, svg) in enumerate(figure.drawings.items()):
        name = figure.name if number == 0 else slug(figure.name, switch)
        contents[f"{name}.svg"] = svg.encode()
        contents[f"{name}.pdf"] = svg_to_pdf(svg)
    if len(figure.rows) <= MOST_ROWS:
        contents[f"{figure.name}.tex"] = latex(figure).encode()
    contents[f"{figure.name}.md"] = markdown(figure).encode()
    return contents


def _refuse_others(folder: Path, contents: dict[str, bytes]) -> None:
    """Raise UsageError if a file that we did not write has the name of one that we would."""
    ours = _written_before(folder)
    for name in (*contents, LIST):
        path = folder / name
        if name in ours or not os.path.lexists(path):
            continue
        raise UsageError(
            f"{path}: it is there, and no earlier greenbench report --figures wrote it; "
            "move it away, or give another folder"
        )


def _written_before(folder: Path) -> set[str]:
    path = folder / LIST
    try:
        names = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return set()
    return {*names, LIST}


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
