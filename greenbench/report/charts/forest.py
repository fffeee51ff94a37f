"""Forest plots: an effect a row, with its 95 % interval, beside the value of no effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.report.charts import marks
from greenbench.report.charts.drawing import Drawing
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes, row_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.simultaneous import Bounded
    from greenbench.report.charts.marks import Group, Row

ROW = 22
"""Pixels of a row."""
LEAST_HEIGHT = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A row of a forest plot."""

    name: str
    value: Bounded
    group: str
    """What the interval shows: ``saves``, ``additive``, ...; each has a shape and a colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruler:
    """The axis of a forest plot."""

    title: str
    neutral: float
    """The value of no effect."""
    groups: Sequence[Group]
    """All that there may be."""
    band: tuple[float, float] | None = None
    """What counts as no effect."""
    logarithmic: bool = True


def drawing(effects: Sequence[Effect], ruler: Ruler, subtitle: str, width: int) -> Drawing:
    """Draw effects in their order."""
    axes = _axes(effects, ruler, width)
    points: list[Row] = []
    whiskers: list[Row] = []
    for number, effect in enumerate(effects):
        key = row_key(number, effect.name)
        value = effect.value
        points.append({"row": key, "x": value.value, "group": effect.group})
        whiskers.append({"row": key, "x": value.low, "end": value.high})
    layers = []
    if ruler.band is not None:
        layers.append(axes.band(*ruler.band))
    layers.append(axes.plumb(ruler.neutral))
    layers.append(axes.spans(whiskers, "ink", strokeWidth=1.5))
    layers.append(axes.grouped_points(points, ruler.groups))
    height = max(LEAST_HEIGHT, ROW * len(effects))
    return Drawing(layers, height, subtitle)


def _axes(effects: Sequence[Effect], ruler: Ruler, width: int) -> Axes:
    spanned = [ruler.neutral, *(ruler.band or ())]
    for effect in effects:
        spanned.append(effect.value.low)
        spanned.append(effect.value.high)
    span = Span.of(spanned, logarithmic=ruler.logarithmic)
    x = marks.across(ruler.title, span.scale)
    return Axes(x, marks.down(width), width)
