"""Folders side by side: the same cell in both, with a verdict or the reason why there is none."""

from __future__ import annotations

from report.sessions import HEADER, cell

from greenbench.gates.verdict import Measured
from greenbench.report.page.side_by_side import SideLine, side_by_side
from greenbench.report.report_data import ReportData, report_data


def folder(name: str, **joules: list[float | None]) -> ReportData:
    """Return a folder with a cell of T2 for each variant."""
    cells = []
    for variant, values in joules.items():
        record = cell(f"T2-{variant}", values)
        cells.append(Measured(record=record, header=HEADER, origin=name))
    return report_data(name, cells)


def lines(first: ReportData, second: ReportData) -> dict[str, SideLine]:
    """Return the lines of the second folder by cell."""
    (beside,) = side_by_side([first, second])
    assert (beside.name, beside.first) == ("second", "first")
    return {line.cell: line for line in beside.lines}


def test_a_cell_is_compared_with_the_same_cell_of_the_first_folder() -> None:
    """With an interval, or with the reason why there is none."""
    first = folder("first", V0_baseline=[100.0, 101.0, 99.0], V1_data=[50.0, 51.0], V3_x=[1.0])
    second = folder("second", V0_baseline=[99.0, 101.0, 100.0], V1_data=[None], V2_new=[5.0])
    found = lines(first, second)
    assert found["T2-V0_baseline"].ratio.startswith("1.00 (")
    assert found["T2-V0_baseline"].word == "can't tell"
    assert found["T2-V1_data"].word == "UNMEASURED"
    assert found["T2-V1_data"].ratio == "-"
    assert found["T2-V1_data"].there == "50.5 J"
    assert found["T2-V1_data"].here == "unmeasured"
    (beside,) = side_by_side([first, second])
    assert beside.lacking == ("T2-V3_x",)
    assert beside.added == ("T2-V2_new",)


def test_joules_are_shown_where_the_two_cannot_be_compared() -> None:
    """A refused comparison leaves what each measured."""
    first = folder("first", V1_data=[50.0, 52.0])
    bad = cell("T2-V1_data", [40.0, 42.0], degenerate=["one answer"])
    second = report_data("second", [Measured(record=bad, header=HEADER)])
    line = lines(first, second)["T2-V1_data"]
    assert (line.here, line.there, line.ratio) == ("41 J", "51 J", "-")
    assert (line.word, line.reason) == ("DEGENERATE", "one answer")


def test_one_folder_has_nothing_beside_it() -> None:
    """Nor has none."""
    assert side_by_side([folder("first", V0_baseline=[1.0])]) == []
    assert side_by_side([]) == []
