"""The marks that charts are made of, on axes that all layers of a chart share.

Rows hold a place (``x`` and ``y``, or ``x`` and the key ``row``), where a span has an ``end`` too,
texts a ``text``, and grouped marks a ``group``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import altair as alt

from greenbench.report.charts.palette import PALETTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Row = Mapping[str, object]
    Rows = Sequence[Row]

TICKS = 6
DASHED = {"strokeDash": [4, 3], "color": PALETTE["muted"]}
BAND = {"color": PALETTE["band"]}
ROW_AXIS = {"labelExpr": "slice(datum.label, 4)", "title": None, "ticks": False, "domain": False}
"""The axis of rows shows their names without the numbers before them; see ``row_key``."""
POINT = {"filled": True, "size": 70, "opacity": 1}
LETTER = 6.2
"""Mean width of a letter of 11 pixels, rather too much than too little."""
SYMBOL = 26
"""Pixels of a symbol in a legend, and of the gap behind its name."""
NARROW = 500
"""Charts of fewer pixels are drawn for a phone."""


class Group(NamedTuple):
    """A kind of marks: its name in the legend, the role of its colour, its shape."""

    name: str
    role: str
    shape: str = "square"


class Axes(NamedTuple):
    """The axes of a chart, and the layers that can stand on them."""

    x: alt.X
    y: alt.Y
    width: int
    """Of the chart, in pixels."""

    @property
    def room(self) -> int:
        """Pixels right of the names of rows, where a legend stands."""
        return self.width - label_limit(self.width) - 20

    def points(self, rows: Rows, role: str, **look: object) -> alt.Chart:
        """Return a point a row."""
        style = {**POINT, **look}
        points = _data(rows).mark_point(**style)
        return self._placed(points, role)

    def grouped_points(self, rows: Rows, groups: Iterable[Group], **look: object) -> alt.Chart:
        """Return a point a row, whose colour and shape are its group's."""
        present = _present(rows, groups)
        style = {**POINT, **look}
        points = _data(rows).mark_point(**style)
        placed = points.encode(x=self.x, y=self.y)
        colours = _group_colours(present, self.room)
        return placed.encode(color=colours, shape=_group_shapes(present, self.room))

    def spans(self, rows: Rows, role: str, **look: object) -> alt.Chart:
        """Return a line a row, across from ``x`` to ``end``."""
        rules = _data(rows).mark_rule(**look)
        return self._placed(rules.encode(x2="end"), role)

    def uprights(self, rows: Rows, role: str, **look: object) -> alt.Chart:
        """Return a line a row, up from ``y`` to ``end``."""
        rules = _data(rows).mark_rule(**look)
        return self._placed(rules.encode(y2="end"), role)

    def bars(self, rows: Rows, groups: Iterable[Group], **look: object) -> alt.Chart:
        """Return a bar a row, from ``x`` to ``end``, in the colour of its group."""
        present = _present(rows, groups)
        bars = _data(rows).mark_bar(**look)
        placed = bars.encode(x=self.x, x2="end", y=self.y)
        return placed.encode(color=_group_colours(present, self.room))

    def hatched_bars(self, rows: Rows, hatch: str, **look: object) -> alt.Chart:
        """Return a bar a row that is filled with a hatch, to lie over others."""
        bars = _data(rows).mark_bar(**look)
        placed = bars.encode(x=self.x, x2="end", y=self.y)
        fill = alt.value(f"url(#{hatch})")
        return placed.encode(color=fill)

    def texts(self, rows: Rows, align: str, dx: float, dy: float = 0) -> alt.Chart:
        """Return a text a row, beside its place."""
        texts = _data(rows).mark_text(align=align, dx=dx, dy=dy)
        placed = texts.encode(x=self.x, y=self.y)
        return placed.encode(text="text:N")

    def line(self, rows: Rows, role: str, **look: object) -> alt.Chart:
        """Return a line through the rows."""
        line = _data(rows).mark_line(strokeWidth=1.2, **look)
        return self._placed(line, role)

    def plumb(self, x: float) -> alt.Chart:
        """Return a dashed line from top to bottom at ``x``."""
        rule = _data([{"x": x}]).mark_rule(**DASHED)
        return rule.encode(x=self.x)

    def level(self, y: float) -> alt.Chart:
        """Return a dashed line from left to right at ``y``."""
        rule = _data([{"y": y}]).mark_rule(**DASHED)
        return rule.encode(y=self.y)

    def band(self, low: float, high: float) -> alt.Chart:
        """Return a band from top to bottom."""
        ends = {"x": low, "end": high}
        band = _data([ends]).mark_rect(**BAND)
        return band.encode(x=self.x, x2="end")

    def _placed(self, chart: alt.Chart, role: str) -> alt.Chart:
        colour = alt.value(PALETTE[role])
        return chart.encode(x=self.x, y=self.y, color=colour)


def across(title: str, scale: alt.Scale, **look: object) -> alt.X:
    """Return the axis from left to right."""
    style = {"tickCount": TICKS, **look}
    axis = alt.Axis(title=title, **style)
    return alt.X("x:Q", scale=scale, axis=axis)


def up(title: str, scale: alt.Scale) -> alt.Y:
    """Return the axis of numbers from bottom to top."""
    axis = alt.Axis(title=title, tickCount=TICKS)
    return alt.Y("y:Q", scale=scale, axis=axis)


def down(width: int) -> alt.Y:
    """Return the axis of rows from top to bottom, which shows names without their numbers."""
    limit = label_limit(width)
    axis = alt.Axis(labelLimit=limit, **ROW_AXIS)
    return alt.Y("row:N", sort=None, axis=axis)


def label_limit(width: int) -> int:
    """Return the most pixels that the name of a row takes."""
    return 140 if width < NARROW else 220


def row_key(number: int, name: str) -> str:
    """Return the value by which a row is placed: unique, in order, and no word of any language."""
    return f"{number:03d} {name}"


def _group_colours(groups: Sequence[Group], room: float) -> alt.Color:
    """Return the colours of groups, with a legend in their order."""
    names = [group.name for group in groups]
    colours = [PALETTE[group.role] for group in groups]
    scale = alt.Scale(domain=names, range=colours)
    return alt.Color("group:N", scale=scale, sort=None, legend=_legend(names, room))


def _group_shapes(groups: Sequence[Group], room: float) -> alt.Shape:
    names = [group.name for group in groups]
    shapes = [group.shape for group in groups]
    scale = alt.Scale(domain=names, range=shapes)
    return alt.Shape("group:N", scale=scale, legend=_legend(names, room))


def _legend(names: Sequence[str], room: float) -> alt.Legend:
    """Return a legend of as many columns as there is room for."""
    columns = len(names)
    while columns > 1 and _legend_width(names, columns) > room:
        columns -= 1
    return alt.Legend(columns=columns)


def _legend_width(names: Sequence[str], columns: int) -> float:
    width = 0.0
    for column in range(columns):
        longest = max(map(len, names[column::columns]))
        width += longest * LETTER + SYMBOL
    return width


def _present(rows: Rows, groups: Iterable[Group]) -> list[Group]:
    names = {row["group"] for row in rows}
    return [group for group in groups if group.name in names]


class DrawnRows(alt.Data):  # type: ignore[misc]  # Altair gives it no type
    """Rows that nobody changes: Altair copies a chart's data with each step of making it."""

    def __deepcopy__(self, _memo: object = None) -> DrawnRows:
        """Return the same rows; Altair asks for this method."""
        return self


def _data(rows: Rows) -> alt.Chart:
    """Return a chart of rows; their fields are fixed, only values come from results."""
    return alt.Chart(DrawnRows(values=list(rows)))
