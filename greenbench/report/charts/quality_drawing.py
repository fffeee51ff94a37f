"""Draws joules against a score: points, whiskers, the front, and names where there is room."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.charts import marks
from greenbench.report.charts.drawing import Drawing
from greenbench.report.charts.labels import Box, Span, Spot, placed
from greenbench.report.charts.marks import NARROW, Axes
from greenbench.report.choice import share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from altair import LayerChart

    from greenbench.analysis.simultaneous import Bounded
    from greenbench.report.charts.labels import LabelSide
    from greenbench.report.charts.marks import Row

MOST = 40
"""Cells that are drawn; more would hide each other."""
HEIGHT = 340
EDGES = 70
"""Pixels beside the plot, about."""
LONGEST = 28
"""Letters of a name beside a point."""
RARE = 0.05
"""Shares of the front below it are no part of a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOff:
    """A cell's joules and score with the bounds of their 95 % intervals; V0's bounds are none."""

    cell: str
    name: str
    joules: Bounded
    score: Bounded
    on_front: float | None
    """Share of bootstrap draws in which nothing takes less and scores no worse; None: unknown."""
    is_baseline: bool = False
    higher_is_better: bool = True
    """Whether more of the score is better."""

    @property
    def merit(self) -> float:
        """The score, with its sign turned where less of it is better."""
        return self.score.value if self.higher_is_better else -self.score.value


class _Plane(NamedTuple):
    """The points of a chart, the front among them, and where they lie."""

    points: Sequence[TradeOff]
    on_front: Sequence[TradeOff]
    across: Span
    up: Span
    axes: Axes

    def comes_first(self, point: TradeOff) -> bool:
        """Whether a point is labelled before others are."""
        return point.is_baseline or point in self.on_front


def front(points: Sequence[TradeOff]) -> list[TradeOff]:
    """Return the points that no other one takes less than at no worse score, least joules first."""
    found: list[TradeOff] = []
    best = -math.inf
    for point in sorted(points, key=_front_order):
        if point.merit > best:
            found.append(point)
            best = point.merit
    return found


def _front_order(point: TradeOff) -> tuple[float, float]:
    """Sort by joules, the best score first among equals."""
    return point.joules.value, -point.merit


def most_telling(points: Sequence[TradeOff]) -> list[TradeOff]:
    """Return at most ``MOST`` points: V0, the front, and the others of least joules."""
    by_joules = sorted(points, key=_front_order)
    kept = {point.cell for point in points if point.is_baseline}
    for point in front(points) + by_joules:
        if len(kept) < MOST:
            kept.add(point.cell)
    return [point for point in points if point.cell in kept]


def drawing(
    points: Sequence[TradeOff], titles: tuple[str, str], subtitle: str, width: int
) -> Drawing:
    """Draw points on axes of ``titles``: the unit of joules, and the score."""
    plane = _plane(points, titles, width)
    layers = [_edge(plane)]
    layers += _whiskers(plane)
    layers += _marks(plane)
    layers += _labels(plane, width)
    return Drawing(layers, HEIGHT, subtitle)


def _plane(points: Sequence[TradeOff], titles: tuple[str, str], width: int) -> _Plane:
    joules: list[float] = []
    scores: list[float] = []
    for point in points:
        joules += [point.joules.low, point.joules.high]
        scores += [point.score.low, point.score.high]
    across = Span.of(joules, logarithmic=True)
    up = Span.of(scores)
    x = marks.across(titles[0], across.scale)
    y = marks.up(titles[1], up.scale)
    axes = Axes(x, y, width)
    return _Plane(points, front(points), across, up, axes)


def _edge(plane: _Plane) -> LayerChart:
    """Return the edge of the front: the best score that can be had for so many joules."""
    corners = [_place(point) for point in plane.on_front]
    return plane.axes.line(corners, "muted", interpolate="step-after", strokeDash=[4, 3])


def _whiskers(plane: _Plane) -> list[LayerChart]:
    across: list[Row] = []
    up: list[Row] = []
    for point in plane.points:
        place = _place(point)
        joules, score = point.joules, point.score
        across.append({**place, "x": joules.low, "end": joules.high})
        up.append({**place, "y": score.low, "end": score.high})
    axes = plane.axes
    return [axes.spans(across, "other"), axes.uprights(up, "other")]


def _marks(plane: _Plane) -> list[LayerChart]:
    """Return points whose shape and filling tell V0, the front and the others apart."""
    baseline: list[Row] = []
    on_front: list[Row] = []
    others: list[Row] = []
    for point in plane.points:
        place = _place(point)
        if point.is_baseline:
            baseline.append(place)
        elif point in plane.on_front:
            on_front.append(place)
        else:
            others.append(place)
    axes = plane.axes
    layers = [axes.points(others, "variant", filled=False, size=46, strokeWidth=1.5)]
    layers.append(axes.points(on_front, "variant", shape="circle"))
    layers.append(axes.points(baseline, "baseline", shape="diamond", size=110))
    return layers


def _labels(plane: _Plane, width: int) -> list[LayerChart]:
    """Return names beside points where there is room: V0's and the front's first."""
    first = [point for point in plane.points if plane.comes_first(point)]
    others = [point for point in plane.points if not plane.comes_first(point)]
    ordered = first + others
    inner = width - EDGES
    spots = []
    for point in ordered:
        x = plane.across.place(point.joules.value)
        y = 1 - plane.up.place(point.score.value)
        label = _label(point, width)
        spots.append(Spot(x * inner, y * HEIGHT, label))
    rows: dict[LabelSide, list[Row]] = {}
    sides = placed(spots, inner, HEIGHT, len(first), list(_lines(plane, inner)))
    for number, side in sides.items():
        row = {**_place(ordered[number]), "text": spots[number].text}
        rows.setdefault(side, []).append(row)
    layers = []
    for side, own in rows.items():
        layers.append(plane.axes.texts(own, *side))
    return layers


def _lines(plane: _Plane, inner: int) -> Iterator[Box]:
    """Yield where whiskers and the edge of the front lie, for labels to keep off them."""
    for point in plane.points:
        value, score = point.joules.value, point.score.value
        yield _stroke(plane, inner, (point.joules.low, point.joules.high), (score, score))
        yield _stroke(plane, inner, (value, value), (point.score.low, point.score.high))
    for one, following in pairwise(plane.on_front):
        score = one.score.value
        across = (one.joules.value, following.joules.value)
        yield _stroke(plane, inner, across, (score, score))


def _stroke(
    plane: _Plane, inner: int, joules: tuple[float, float], scores: tuple[float, float]
) -> Box:
    left, right = (plane.across.place(value) * inner for value in joules)
    low, high = (HEIGHT * (1 - plane.up.place(value)) for value in scores)
    return Box(left, min(low, high) - 0.5, right + 0.5, max(low, high) + 0.5)


def _place(point: TradeOff) -> dict[str, object]:
    return {"x": point.joules.value, "y": point.score.value}


def _label(point: TradeOff, width: int) -> str:
    name = point.name
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 3]}..."
    if point.on_front is None or point.on_front < RARE:
        return name
    words = "" if width < NARROW else "on front "
    return f"{name}, {words}{share(point.on_front)}"
