"""Curves of power sweeps: a cell's joules and seconds over limits and clocks of the devices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.charts import marks, sources
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.figure import slug
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes
from greenbench.report.cost import plural
from greenbench.results.sweep_files import measured_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.report_data import ReportData
    from greenbench.results.sweep_files import SweepRecord
    from greenbench.stats.curve import Point

LEAST = 2
"""Values of a knob that make a curve, beside the machine as it is."""
HEIGHT = 200
AS_IS = 1.0
"""Where the machine as it is stands on an axis of shares of the most."""
SWITCHES = {"energy": "J of training and inference", "time": "s of training and inference"}
CAPTION = (
    "Training and inference of {} with {} at shares of the most, one after the other; a diamond is "
    "the machine as it is. Intervals of joules are 95 %, each of a point alone, errors that all "
    "points share included; seconds are means. n = {} each; joules: {}. greenbench sweep-power "
    "measured it; it is no measurement of the variant."
)
COLUMNS = ("measure", "value", "+- (95 %)", "note")


class SweptPower(NamedTuple):
    """A share of the most, and what was measured with it."""

    share: float
    value: float
    uncertainty: float | None
    as_is: bool


def power_figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each knob that a sweep set to two values or more."""
    found = []
    for sweep in report.sweeps:
        knobs = dict.fromkeys(knob for point in sweep.points for knob in point.settings)
        for knob in knobs:
            figure = _figure(sweep, knob, width)
            if figure is not None:
                found.append(figure)
    return found


def _figure(sweep: SweepRecord, knob: str, width: int) -> Figure | None:
    own = [point for point in sweep.points if not point.settings or knob in point.settings]
    title = f"{sweep.task}: {knob} of {sweep.cell}"
    sheet = Sheet(slug("power", sweep.cell, knob), title, width)
    count = f"n = {plural(sweep.rounds, 'round')}"
    kind = sources.in_a_word(sweep.sources)
    subtitles = {"energy": f"{kind} joules, {count}", "time": f"seconds, {count}"}
    drawings = {}
    for switch, axis in SWITCHES.items():
        points = _points(own, knob, switch)
        if sum(not point.as_is for point in points) >= LEAST:
            drawing = _drawing(points, (knob, axis), subtitles[switch], width)
            drawings[switch] = sheet.drawn(drawing, switch)
    if not drawings:
        return None
    rounds = plural(sweep.rounds, "round")
    caption = CAPTION.format(sweep.cell, knob, rounds, ", ".join(sweep.sources) or "none")
    return sheet.figure(caption, drawings, (knob, *COLUMNS), _rows(own, knob))


def _points(own: Sequence[Point], knob: str, switch: str) -> list[SweptPower]:
    """Return the points that hold and are known, by share."""
    points = []
    for point in measured_points(own):
        share = point.settings.get(knob, AS_IS)
        value, uncertainty = point.time_s, None
        if switch == "energy":
            value = point.energy_j
            uncertainty = point.joules["both"].uncertainty if math.isfinite(value) else None
        if math.isfinite(value):
            points.append(SweptPower(share, value, uncertainty, not point.settings))
    return sorted(points)


def _rows(own: Sequence[Point], knob: str) -> list[EntryRow]:
    rows: list[EntryRow] = []
    for point in own:
        share = point.settings.get(knob) if point.settings else "as it is"
        both = point.joules.get("both")
        if both is not None:
            rows.append((share, "J", both.value, both.uncertainty, point.note or both.reason))
        seconds = point.time_s if point.seconds else None
        rows.append((share, "s", seconds, None, point.note))
    return rows


def _drawing(
    points: Sequence[SweptPower], titles: tuple[str, str], subtitle: str, width: int
) -> Drawing:
    settings: list[Row] = []
    as_is: list[Row] = []
    whiskers: list[Row] = []
    ends: list[float] = []
    for point in points:
        (as_is if point.as_is else settings).append({"x": point.share, "y": point.value})
        half = point.uncertainty or 0.0
        ends += [point.value - half, point.value + half]
        if half:
            whiskers.append({"x": point.share, "y": ends[-2], "end": ends[-1]})
    across, up = Span.of([point.share for point in points]), Span.of([0.0, *ends])
    axes = Axes(marks.across(titles[0], across.scale), marks.up(titles[1], up.scale), width)
    layers = [axes.line(settings, "variant")]
    layers.append(axes.uprights(whiskers, "ink", strokeWidth=1.5))
    layers.append(axes.points(settings, "variant", shape="circle"))
    layers.append(axes.points(as_is, "baseline", shape="diamond"))
    return Drawing(layers, HEIGHT, subtitle)
