"""The charts of a report as the page shows them: two widths of each, and the data as a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from greenbench.errors import UnavailableError
from greenbench.report.charts import drawn
from greenbench.report.charts.figure import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.report.charts.figure import Figure
    from greenbench.report.report_data import ReportData

WIDE, NARROW = 880, 340
"""Pixels; the style sheet shows one of the two."""
TALLEST = 900
"""Pixels of a narrow drawing from which on it is not printed: it would take more than a page."""
HEIGHT = re.compile(r'\bheight="(\d+)')
IDS = re.compile(r'(\bid="|url\(#|href="#)')
"""Where an SVG names one of its ids."""


class FigureDrawing(NamedTuple):
    """What one switch of a figure shows, as SVG."""

    label: str
    wide: str
    narrow: str


class FigureView(NamedTuple):
    """A figure on the page."""

    id: str
    title: str
    caption: str
    drawings: tuple[FigureDrawing, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_tall: bool
    """Whether it would not fit on a page."""


class FolderFigures(NamedTuple):
    """The figures of a folder, and why there are none if there are none."""

    views: tuple[FigureView, ...] = ()
    reason: str = ""


def folder_figures(data: ReportData, number: int) -> FolderFigures:
    """Draw what a folder shows; ``number`` is its place on the page.

    A page without charts is better than none: where their packages are missing it says so.
    """
    try:
        wide, narrow = drawn(data, width=WIDE), drawn(data, width=NARROW)
    except UnavailableError as error:
        return FolderFigures(reason=f"The charts are left out: {error}.")
    views = []
    for large, small in zip(wide, narrow, strict=True):
        views.append(_view(large, small, f"f{number}-"))
    return FolderFigures(tuple(views))


def _view(wide: Figure, narrow: Figure, prefix: str) -> FigureView:
    drawings = []
    for label, svg in wide.drawings.items():
        small = narrow.drawings[label]
        drawings.append(FigureDrawing(label, _apart(svg, prefix), _apart(small, prefix)))
    return FigureView(
        id=f"{prefix}{wide.name}",
        title=wide.title,
        caption=wide.caption,
        drawings=tuple(drawings),
        columns=wide.columns,
        rows=tuple(_rows(wide)),
        is_tall=any(is_tall(drawing.narrow) for drawing in drawings),
    )


def is_tall(svg: str) -> bool:
    """Whether a narrow drawing says that it is higher than a page."""
    found = HEIGHT.search(svg)
    return found is not None and int(found[1]) > TALLEST


def _rows(figure: Figure) -> Iterable[tuple[str, ...]]:
    for row in figure.rows:
        yield tuple(shown(entry) for entry in row)


def _apart(svg: str, prefix: str) -> str:
    """Return an SVG whose ids are its own on a page that holds several folders' charts."""
    return IDS.sub(rf"\g<1>{prefix}", svg)
