"""Joules against the score: who lies on the front, and how sure that is.

Positions are relative to V0's, as the matrix and the gates have them: V0's mean joules times each
cell's ratio, V0's score plus each cell's difference. So whiskers show what separates cells, and not
the error that all of them share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.analysis.simultaneous import Bounded
from greenbench.gates.changes import Change, mean
from greenbench.report.charts import quality_drawing, sources
from greenbench.report.charts.drawing import Sheet
from greenbench.report.charts.figure import bounds, slug
from greenbench.report.charts.quality_drawing import TradeOff
from greenbench.report.counted import counted, counted_cells
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.gates.changes import NoChange
    from greenbench.report.charts.figure import Entry, EntryRow, Figure
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord


class JouleSwitch(NamedTuple):
    """Which joules are drawn: the switch, the gates' metric, and the unit."""

    switch: str
    metric: str
    unit: str


SWITCHES = (
    JouleSwitch("total", "energy", "J a round"),
    JouleSwitch("net of idle", "energy_net", "J a round, net of idle"),
    JouleSwitch("GPU", "energy_gpu", "J a round, GPU alone"),
    JouleSwitch("CPU", "energy_cpu", "J a round, CPU alone"),
    JouleSwitch("per sample", "j_per_sample", "J of inference a sample"),
    JouleSwitch("per correct output", "j_per_correct", "J of inference a correct output"),
)
CAPTION = (
    "{} and to the left is better. Whiskers: 95 % intervals of each cell's ratio to V0's joules "
    "and of the difference of their scores, set beside V0, which has none. The dashed edge is the "
    "front: the cells that no other one beats in both"
)
FRONTS = (
    "; a percentage is how often a cell is one of them in simulated repetitions of the session "
    "(parametric bootstrap)"
)
HIDDEN = (
    ". {} of {} cells are not drawn: those that are no evidence, of which the matrix says why, and "
    "beyond the front those that take most"
)
CHANNEL_SWITCHES = ("GPU", "CPU")


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each task that has V0 and a cell that is compared with it."""
    found = []
    for comparison in report.comparisons:
        by_switch = _by_switch(report, comparison)
        if by_switch:
            found.append(_figure(comparison, by_switch, width))
    return found


def _figure(
    comparison: TaskComparison,
    by_switch: Mapping[JouleSwitch, Sequence[TradeOff]],
    width: int,
) -> Figure:
    title = f"{comparison.task}: joules against {comparison.score}"
    sheet = Sheet(slug("quality", comparison.task), title, width)
    drawings = {}
    for switch, points in by_switch.items():
        subtitle = sources.subtitle(_cells(comparison, points))
        titles = (switch.unit, comparison.score)
        drawing = quality_drawing.drawing(points, titles, subtitle, width)
        drawings[switch.switch] = sheet.drawn(drawing, switch.switch)
    caption = _caption(comparison, by_switch)
    columns, rows = _table(comparison.score, by_switch)
    return sheet.figure(caption, drawings, columns, rows)


# --- what is known --------------------------------------------------------------------------------


def _by_switch(
    report: ReportData, comparison: TaskComparison
) -> dict[JouleSwitch, Sequence[TradeOff]]:
    """Return the points of each switch that V0 and another cell are known in."""
    baseline = comparison.baseline
    if baseline is None or baseline.flaw is not None:
        return {}
    found: dict[JouleSwitch, Sequence[TradeOff]] = {}
    for switch in SWITCHES:
        if switch.switch in CHANNEL_SWITCHES and len(baseline.sources) == 1:
            continue  # the only channel is the total
        points = _trade_offs(report, comparison, baseline, switch)
        if len(points) > 1:
            found[switch] = quality_drawing.most_telling(points)
    return found


def _trade_offs(
    report: ReportData, comparison: TaskComparison, baseline: CellRecord, switch: JouleSwitch
) -> list[TradeOff]:
    """Return V0 and the cells whose joules and score are both compared with it."""
    joules = mean(switch.metric, comparison.task, counted(baseline, comparison))
    score = baseline.score(comparison.score)
    if not joules or score is None:
        return []
    fronts = _fronts(report, comparison.task) if switch.metric == "energy" else {}
    higher = comparison.higher_is_better
    amount = _exactly(joules)
    level = _exactly(score)
    points = [_point(report, baseline.id, fronts, amount, level, higher=higher)]
    for cell_id, ratio in _ratios(report, comparison, switch).items():
        difference = comparison.quality.get(cell_id)
        if isinstance(ratio, Change) and isinstance(difference, Change):
            amount = _moved(ratio, joules, 0.0)
            level = _moved(difference, 1.0, score)
            points.append(_point(report, cell_id, fronts, amount, level, higher=higher))
    return points


def _point(
    report: ReportData,
    cell: str,
    fronts: Mapping[str, float],
    joules: Bounded,
    score: Bounded,
    *,
    higher: bool,
) -> TradeOff:
    _, _, variant = cell.partition("-")
    return TradeOff(
        cell=cell,
        name=report.names.variant(cell),
        joules=joules,
        score=score,
        on_front=fronts.get(cell),
        is_baseline=is_baseline(variant),
        higher_is_better=higher,
    )


def _exactly(value: float) -> Bounded:
    """Return V0's value, to which others are set in relation: it has no interval of its own."""
    return Bounded(value, value, value)


def _ratios(
    report: ReportData, comparison: TaskComparison, switch: JouleSwitch
) -> Mapping[str, Change | NoChange]:
    if switch.metric == "energy":
        return comparison.energy
    return report.changes(switch.metric, comparison.task)


def _fronts(report: ReportData, task: str) -> dict[str, float]:
    """Return the share of bootstrap draws in which each cell is on the front, if analysed."""
    analysis = report.analysis(task)
    if analysis is None or analysis.choice is None:
        return {}
    return {one.cell: one.on_front for one in analysis.choice.candidates}


def _moved(change: Change, factor: float, offset: float) -> Bounded:
    """Return a change relative to V0 on the scale of V0's value."""
    value = factor * change.value + offset
    low = factor * change.low + offset
    high = factor * change.high + offset
    return Bounded(value, low, high)


# --- in words and numbers -------------------------------------------------------------------------


def _caption(
    comparison: TaskComparison, by_switch: Mapping[JouleSwitch, Sequence[TradeOff]]
) -> str:
    (points, *_) = by_switch.values()
    text = CAPTION.format("Up" if comparison.higher_is_better else "Down")
    if any(point.on_front is not None for point in points):
        text += FRONTS
    cells = _cells(comparison, points)
    every = len(comparison.cells)
    if len(cells) < every:
        text += HIDDEN.format(every - len(cells), every)
    return f"{text}. {sources.design(cells)}{sources.left_out(comparison)}."


def _cells(comparison: TaskComparison, points: Sequence[TradeOff]) -> list[CellRecord]:
    """Return the records of the cells that are drawn."""
    known = {point.cell for point in points}
    return [cell for cell in counted_cells(comparison) if cell.id in known]


def _table(
    score: str, by_switch: Mapping[JouleSwitch, Sequence[TradeOff]]
) -> tuple[list[str], list[EntryRow]]:
    """Return a row of each cell, with three columns for each switch."""
    columns = ["cell", *_bound_columns(score), "on front (share of draws)"]
    entries: dict[str, list[Entry]] = {}
    for switch, points in by_switch.items():
        before = len(columns)
        columns += _bound_columns(switch.unit)
        for point in points:
            own = entries.setdefault(point.cell, _first_entries(point))
            own += [None] * (before - len(own))
            own += _bounds(point.joules, point)
    rows: list[EntryRow] = []
    for own in entries.values():
        unknown = [None] * (len(columns) - len(own))
        rows.append((*own, *unknown))
    return columns, rows


def _bound_columns(name: str) -> list[str]:
    return [name, f"{name} low", f"{name} high"]


def _first_entries(point: TradeOff) -> list[Entry]:
    score = _bounds(point.score, point)
    return [point.name, *score, point.on_front]


def _bounds(value: Bounded, point: TradeOff) -> list[Entry]:
    """Return a value with its bounds; V0, which all others are compared with, has none."""
    if point.is_baseline:
        return [value.value, None, None]
    return list(bounds(value))
