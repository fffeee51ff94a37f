"""Charts on the page: two widths, ids of their own, and a page without them where they lack."""

from __future__ import annotations

import pytest
from report.sessions import HEADER, cell

from greenbench.errors import UnavailableError
from greenbench.gates.verdict import Measured
from greenbench.report.charts.figure import Figure
from greenbench.report.page import figures
from greenbench.report.report_data import ReportData, report_data

SVG = '<svg><clipPath id="clip"/><g clip-path="url(#clip)"/><use href="#clip"/></svg>'


@pytest.fixture
def data() -> ReportData:
    """Return a folder of one cell."""
    return report_data("made up", [Measured(record=cell("T2-V0_x", [1.0]), header=HEADER)])


def test_a_figure_has_two_widths_of_each_switch_and_ids_of_its_folder(
    data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that charts of several folders may stand on one page."""

    def drawn(_data: ReportData, *, width: int) -> list[Figure]:
        drawings = {"total": SVG, "GPU": f"{SVG}{width}"}
        return [
            Figure(
                name="quality-t2",
                title="t",
                caption="c",
                drawings=drawings,
                columns=("cell", "J"),
                rows=(("V0", 1.23456), ("V1", None)),
            )
        ]

    monkeypatch.setattr(figures, "drawn", drawn)
    (view,) = figures.folder_figures(data, 2).views
    assert view.id == "f2-quality-t2"
    assert [drawing.label for drawing in view.drawings] == ["total", "GPU"]
    assert view.drawings[1].wide.endswith("880")
    assert view.drawings[1].narrow.endswith("340")
    assert view.drawings[0].wide.count("f2-clip") == 3
    assert view.rows == (("V0", "1.235"), ("V1", "-"))


def test_without_the_packages_there_are_no_charts_but_a_reason(
    data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the page needs none of them."""

    def missing(_data: ReportData, *, width: int) -> list[Figure]:
        raise UnavailableError(f"no altair to draw {width} pixels")

    monkeypatch.setattr(figures, "drawn", missing)
    found = figures.folder_figures(data, 1)
    assert found.views == ()
    assert found.reason == "The charts are left out: no altair to draw 880 pixels."
