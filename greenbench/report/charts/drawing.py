"""From layers of marks to the text of an SVG: one look for all charts, and no outside help.

The SVG has no script, no style attribute and no reference to anything outside of it, so that a
page may hold it under ``default-src 'none'``.
"""

from __future__ import annotations

import re
import textwrap
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import altair as alt
import vl_convert

from greenbench.report.charts.figure import Figure, slug
from greenbench.report.charts.marks import LETTER
from greenbench.report.charts.palette import PALETTE
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.report.charts.figure import EntryRow

SMALL, NORMAL = 11, 12
"""Sizes of letters in pixels; nothing is smaller."""
FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
LOOK = {
    "aria": False,
    "background": "transparent",
    "font": FONT,
    "axis": {
        "labelColor": PALETTE["ink"],
        "titleColor": PALETTE["muted"],
        "gridColor": PALETTE["grid"],
        "domainColor": PALETTE["muted"],
        "tickColor": PALETTE["muted"],
        "labelFontSize": SMALL,
        "titleFontSize": NORMAL,
        "titleFontWeight": "normal",
        "labelFlush": False,
    },
    "title": {
        "color": PALETTE["muted"],
        "fontSize": SMALL,
        "fontWeight": "normal",
        "anchor": "start",
        "frame": "bounds",
        "offset": 8,
    },
    "legend": {
        "labelColor": PALETTE["ink"],
        "labelFontSize": SMALL,
        "labelLimit": 250,
        "orient": "top",
        "title": None,
        "symbolStrokeWidth": 1,
    },
    "text": {"fontSize": SMALL, "fill": PALETTE["ink"]},
    "view": {"stroke": None},
}
"""Vega-Lite's configuration."""
TAG = re.compile(r"<[^>]+>")
NEEDLESS = re.compile(
    r'<path class="(?:back|fore)ground" aria-hidden="true" d="[^"]*"(?: [a-z-]+="none")*/>'
    r'| (?:class|role|aria-[a-z]+|pointer-events|font-family)="[^"]*"'
    r'| (?:opacity="1"|stroke-width="1"|font-size="11px"|font-weight="normal"|text-anchor="start")'
)
"""What Vega writes for its own use, frames that are not seen, and defaults: half of an SVG."""
DECIMALS = re.compile(r"(\.\d\d)\d+")
"""More than hundredths of a pixel."""
OPENING = '<svg role="img" aria-label="{label}" font-family="{font}" font-size="11px" {rest}>'
IDS = re.compile(r'(id="|url\(#|href="#)(clip|gradient|hatch)')
LINES, DOTS, GRATING = "hatch-lines", "hatch-dots", "hatch-grating"
PATTERN = (
    '<pattern id="{name}" width="8" height="8" patternUnits="userSpaceOnUse">{shape}</pattern>'
)
HATCHES = {
    LINES: '<path d="M-2,2l4,-4M0,8l8,-8M6,10l4,-4" stroke="{ink}" stroke-width="1.2"/>',
    DOTS: '<circle cx="4" cy="4" r="1.3" fill="{ink}"/>',
    GRATING: '<path d="M-2,2l4,-4M0,8l8,-8M6,10l4,-4M-2,6l4,4M0,0l8,8M6,-2l4,4" '
    'stroke="{muted}" stroke-width="0.9" fill="none"/>',
}


class Drawing(NamedTuple):
    """The layers of a chart, from the back to the front, and the room that they take."""

    layers: Sequence[alt.Chart]
    height: int
    subtitle: str
    """What is drawn, in a line; joules that are estimated or simulated are called so."""


class Sheet(NamedTuple):
    """A figure in the making."""

    name: str
    title: str
    width: int

    def drawn(self, drawing: Drawing, switch: str = "") -> str:
        """Return the SVG of a switch."""
        place = slug(self.name, switch, str(self.width))
        label = f"{self.title}, {switch}" if switch else self.title
        svg = _rendered(drawing, self.width)
        return _finished(svg, place, label)

    def figure(
        self,
        caption: str,
        drawings: Mapping[str, str],
        columns: Sequence[str],
        rows: Sequence[EntryRow],
    ) -> Figure:
        """Return the figure with its data."""
        return Figure(
            name=self.name,
            title=self.title,
            caption=caption,
            drawings=drawings,
            columns=tuple(columns),
            rows=tuple(rows),
        )


def _rendered(drawing: Drawing, width: int) -> str:
    letters = int((width - 16) / LETTER)
    title = textwrap.wrap(drawing.subtitle, letters)
    fitted = alt.AutoSizeParams(type="fit-x", contains="padding")
    chart = alt.layer(*drawing.layers)
    chart = chart.properties(width=width, height=drawing.height, autosize=fitted, title=title)
    chart = chart.configure(**LOOK)
    specification = {}
    # Altair's own check takes longer than drawing: tests draw each kind of chart instead
    for key, part in chart.to_dict(validate=False).items():
        specification[key] = _safe(part)
    svg: str = vl_convert.vegalite_to_svg(specification)
    return svg


def _safe(part: object) -> object:
    """Return a part of a specification whose texts have no control characters: XML allows none."""
    if isinstance(part, str):
        return printable(part)
    if isinstance(part, dict):
        return {_safe(key): _safe(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_safe(value) for value in part]
    return part


def _finished(svg: str, place: str, label: str) -> str:
    """Give an SVG its label and the hatches that it uses.

    Its inner ids begin with ``place``, so that many drawings can stand on one page; ``label`` is
    what a screen reader says of it.
    """
    lean = TAG.sub(_without_needless, svg)
    start, rest = lean.removeprefix("<svg ").split(">", 1)
    spoken = escape(printable(label))
    opening = OPENING.format(label=spoken, font=FONT, rest=start)
    whole = opening + _hatches(svg) + rest
    return IDS.sub(rf"\1{place}-\2", whole)


def _without_needless(tag: re.Match[str]) -> str:
    needed = NEEDLESS.sub("", tag[0])
    return DECIMALS.sub(r"\1", needed)


def _hatches(svg: str) -> str:
    """Return the definitions of the hatches that an SVG uses."""
    used = []
    for name, template in HATCHES.items():
        if f"url(#{name})" in svg:
            shape = template.format(**PALETTE)
            used.append(PATTERN.format(name=name, shape=shape))
    if not used:
        return ""
    patterns = "".join(used)
    return f"<defs>{patterns}</defs>"
