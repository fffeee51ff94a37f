"""Draws what results say: Vega-Altair specifications, rendered to SVG when the report is made.

A page that holds them needs no script and no library to show them, and they print as they are.
Names and reasons of others stand in a chart's data alone, never in its fields or expressions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.extras import require
from greenbench.report.charts.figure import Figure, shown
from greenbench.report.charts.palette import PALETTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.report.report_data import ReportData

__all__ = ["PALETTE", "Figure", "drawn", "shown"]

LIBRARIES = ("altair", "vl_convert")


def drawn(data: ReportData, *, width: int) -> list[Figure]:
    """Draw every chart that has something to show, at most ``width`` pixels wide.

    Raises UnavailableError where the extra ``report`` is not installed.
    """
    check_libraries()
    from altair.utils.schemapi import debug_mode

    figures: dict[str, Figure] = {}
    with debug_mode(arg=False):  # its check of each part of a chart takes longer than drawing
        for draw in _charts():
            for figure in draw(data, width):
                figures.setdefault(figure.name, figure.safe)
    return list(figures.values())


def check_libraries() -> None:
    """Raise UnavailableError, with the line that installs them, if the libraries are missing."""
    require("report", "drawing charts", LIBRARIES)


def _charts() -> tuple[Callable[[ReportData, int], list[Figure]], ...]:
    from greenbench.report.charts import (
        additivity,
        knobs,
        machine,
        pairs,
        quality,
        rounds,
        rows,
        stages,
    )

    return (
        quality.figures,
        stages.figures,
        additivity.figures,
        pairs.figures,
        rounds.figures,
        machine.figures,
        rows.figures,
        knobs.figures,
    )
