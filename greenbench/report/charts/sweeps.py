"""Curves of a knob that was given several values while all others stayed as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates.changes import Change
from greenbench.report.charts import marks, sources
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.figure import slug
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord

LEAST = 3
"""Values of a knob that make a curve, V0's among them."""
HEIGHT = 200
AXES = {"energy": "joules / V0's", "time": "seconds / V0's"}
CAPTION = (
    "{} at several values, all other knobs alike; beside V0, with the 95 % interval of each cell "
    "alone. V0's own value has none. {}."
)
COLUMNS = ("measure", "ratio to V0", "low", "high")


class SweptValue(NamedTuple):
    """A value of a knob, and the cell that has it."""

    value: float
    cell: CellRecord


class SweptPoint(NamedTuple):
    """A value of a knob, and what it takes relative to V0; V0 itself has no bounds."""

    value: float
    ratio: float
    bounds: tuple[float, float] | None


class Sweep(NamedTuple):
    """A knob whose values make all the difference between some cells."""

    knob: str
    values: tuple[SweptValue, ...]


def sweep_figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each knob that has at least three values in a task."""
    found = []
    for comparison in report.comparisons:
        for number, sweep in enumerate(sweeps(comparison.cells), start=1):
            figure = _figure(comparison, sweep, number, width)
            if figure is not None:
                found.append(figure)
    return found


def sweeps(cells: Sequence[CellRecord]) -> list[Sweep]:
    """Return the knobs with numbers that vary alone, the values of each in their order."""
    usable = [cell for cell in cells if cell.flaw is None]
    knobs = dict.fromkeys(knob for cell in usable for knob in cell.knobs)
    found = []
    for knob in knobs:
        known = _known(usable, knob)
        if len({value.value for value in known}) < LEAST:
            continue
        by_others: dict[str, dict[float, CellRecord]] = {}
        for value, cell in known:
            by_others.setdefault(_others(cell, knob), {}).setdefault(value, cell)
        for group in by_others.values():
            if len(group) >= LEAST:
                values = tuple(SweptValue(value, group[value]) for value in sorted(group))
                found.append(Sweep(knob, values))
    return found


def _known(cells: Sequence[CellRecord], knob: str) -> list[SweptValue]:
    """Return the cells in which a knob is a number."""
    known = []
    for cell in cells:
        value = cell.knobs.get(knob)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            known.append(SweptValue(float(value), cell))
    return known


def _others(cell: CellRecord, knob: str) -> str:
    """Return all other knobs of a cell as a text that cells share if they agree in them."""
    others = {name: value for name, value in cell.knobs.items() if name != knob}
    return repr(sorted(others.items(), key=str))


def _figure(comparison: TaskComparison, sweep: Sweep, number: int, width: int) -> Figure | None:
    name = slug("sweep", comparison.task, str(number), sweep.knob)
    sheet = Sheet(name, f"{comparison.task}: {sweep.knob}", width)
    cells = [value.cell for value in sweep.values]
    subtitle = sources.subtitle(cells)
    drawings = {}
    rows: list[EntryRow] = []
    for switch, axis in AXES.items():
        points = _points(sweep, comparison, switch)
        if len(points) >= LEAST:
            drawing = _drawing(points, (sweep.knob, axis), subtitle, width)
            drawings[switch] = sheet.drawn(drawing, switch)
        for value, ratio, bounds in points:
            low, high = bounds or (None, None)
            rows.append((value, switch, ratio, low, high))
    if not drawings:
        return None
    caption = CAPTION.format(sweep.knob, sources.design(cells))
    return sheet.figure(caption, drawings, (sweep.knob, *COLUMNS), rows)


def _points(sweep: Sweep, comparison: TaskComparison, switch: str) -> list[SweptPoint]:
    changes = comparison.energy if switch == "energy" else comparison.time
    baseline = comparison.baseline
    points = []
    for value, cell in sweep.values:
        change = changes.get(cell.id)
        if isinstance(change, Change):
            bounds = (change.low, change.high)
            points.append(SweptPoint(value, change.value, bounds))
        elif baseline is not None and cell.id == baseline.id:
            points.append(SweptPoint(value, 1.0, None))
    return points


def _drawing(
    points: Sequence[SweptPoint], titles: tuple[str, str], subtitle: str, width: int
) -> Drawing:
    variants: list[Row] = []
    baseline: list[Row] = []
    whiskers: list[Row] = []
    for value, ratio, bounds in points:
        place = {"x": value, "y": ratio}
        if bounds is None:
            baseline.append(place)
        else:
            low, high = bounds
            variants.append(place)
            whiskers.append({"x": value, "y": low, "end": high})
    axes = _axes(points, titles, width)
    line = sorted(variants + baseline, key=_value)
    layers = [axes.level(1.0), axes.line(line, "variant")]
    layers.append(axes.uprights(whiskers, "ink", strokeWidth=1.5))
    layers.append(axes.points(variants, "variant", shape="circle"))
    layers.append(axes.points(baseline, "baseline", shape="diamond"))
    return Drawing(layers, HEIGHT, subtitle)


def _value(row: Row) -> float:
    return float(str(row["x"]))


def _axes(points: Sequence[SweptPoint], titles: tuple[str, str], width: int) -> Axes:
    values = [point.value for point in points]
    ratios = [1.0]
    for point in points:
        ratios.append(point.ratio)
        ratios += point.bounds or ()
    across = Span.of(values, logarithmic=True)
    up = Span.of(ratios, logarithmic=True)
    x = marks.across(titles[0], across.scale, values=values)
    y = marks.up(titles[1], up.scale)
    return Axes(x, y, width)
