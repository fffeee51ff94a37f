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
    from collections.abc import Mapping, Sequence

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord

LEAST = 3
"""Values of a knob that make a curve, V0's among them."""
HEIGHT = 200


class SweptScale(NamedTuple):
    """What is drawn of cells: what they take relative to V0, or as it is where V0 is not there."""

    axes: Mapping[str, str]
    """By switch."""
    column: str
    neutral: tuple[float, ...]
    """What V0 takes on it; nothing where that is not known."""
    caption: str


RELATIVE = SweptScale(
    {"energy": "joules / V0's", "time": "seconds / V0's"},
    "ratio to V0",
    (1.0,),
    "{} at several values, all other knobs alike; beside V0, with the 95 % interval of each cell "
    "alone. V0's own value has none. {}.",
)
ABSOLUTE = SweptScale(
    {"energy": "J a round", "time": "s a round"},
    "J or s a round",
    (),
    "{} at several values, all other knobs alike. V0 was not measured, so that joules and seconds "
    "stand as they are: joules with the 95 % interval of each cell alone, errors that all cells "
    "share included, and seconds as means. {}.",
)


class SweptValue(NamedTuple):
    """A value of a knob, and the cell that has it."""

    value: float
    cell: CellRecord


class SweptPoint(NamedTuple):
    """A value of a knob, and what its cell takes."""

    value: float
    taken: float
    bounds: tuple[float, float] | None
    """None for V0 beside itself, and for mean seconds."""
    is_baseline: bool = False


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
    scale = ABSOLUTE if comparison.baseline is None else RELATIVE
    cells = [value.cell for value in sweep.values]
    subtitle = sources.subtitle(cells)
    drawings = {}
    rows: list[EntryRow] = []
    for switch, axis in scale.axes.items():
        points = _points(sweep, comparison, switch)
        if len(points) >= LEAST:
            axes = _axes(points, scale.neutral, (sweep.knob, axis), width)
            drawing = _drawing(points, scale.neutral, axes, subtitle)
            drawings[switch] = sheet.drawn(drawing, switch)
        for point in points:
            low, high = point.bounds or (None, None)
            rows.append((point.value, switch, point.taken, low, high))
    if not drawings:
        return None
    caption = scale.caption.format(sweep.knob, sources.design(cells))
    columns = (sweep.knob, "measure", scale.column, "low", "high")
    return sheet.figure(caption, drawings, columns, rows)


def _points(sweep: Sweep, comparison: TaskComparison, switch: str) -> list[SweptPoint]:
    """Return what the cells take: beside V0 if it was measured, else as it is."""
    if comparison.baseline is None:
        return _absolute_points(sweep, switch)
    changes = comparison.energy if switch == "energy" else comparison.time
    baseline = comparison.baseline
    points = []
    for value, cell in sweep.values:
        change = changes.get(cell.id)
        if isinstance(change, Change):
            bounds = (change.low, change.high)
            points.append(SweptPoint(value, change.value, bounds))
        elif baseline is not None and cell.id == baseline.id:
            points.append(SweptPoint(value, 1.0, None, is_baseline=True))
    return points


def _absolute_points(sweep: Sweep, switch: str) -> list[SweptPoint]:
    points = []
    for value, cell in sweep.values:
        taken, bounds = cell.seconds, None
        if switch == "energy":
            taken = cell.joules
            if taken is not None and cell.uncertainty is not None:
                bounds = (taken - cell.uncertainty, taken + cell.uncertainty)
        if taken is not None:
            points.append(SweptPoint(value, taken, bounds))
    return points


def _drawing(
    points: Sequence[SweptPoint], neutral: Sequence[float], axes: Axes, subtitle: str
) -> Drawing:
    variants: list[Row] = []
    baseline: list[Row] = []
    whiskers: list[Row] = []
    for point in points:
        place = {"x": point.value, "y": point.taken}
        (baseline if point.is_baseline else variants).append(place)
        if point.bounds is not None:
            low, high = point.bounds
            whiskers.append({"x": point.value, "y": low, "end": high})
    line = sorted(variants + baseline, key=_value)
    layers = [axes.level(value) for value in neutral]
    layers.append(axes.line(line, "variant"))
    layers.append(axes.uprights(whiskers, "ink", strokeWidth=1.5))
    layers.append(axes.points(variants, "variant", shape="circle"))
    layers.append(axes.points(baseline, "baseline", shape="diamond"))
    return Drawing(layers, HEIGHT, subtitle)


def _value(row: Row) -> float:
    return float(str(row["x"]))


def _axes(
    points: Sequence[SweptPoint], neutral: Sequence[float], titles: tuple[str, str], width: int
) -> Axes:
    values = [point.value for point in points]
    taken = list(neutral)
    for point in points:
        taken += [point.taken, *(point.bounds or ())]
    across = Span.of(values, logarithmic=True)
    up = Span.of(taken, logarithmic=True)
    x = marks.across(titles[0], across.scale, values=values)
    y = marks.up(titles[1], up.scale)
    return Axes(x, y, width)
