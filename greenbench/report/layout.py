"""Lays a table out so that it fits the terminal: columns are dropped in a stated order, no row is.

A first column holds names: it is never dropped, and folded where it is wider than a third of the
table. Numbers are never cut. If the columns that must stay are still too wide, lines run over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

NARROWEST_NAMES = 14
"""Columns that names have at least before they are folded."""
GAP = 2
ALWAYS = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table, all its entries written, and made safe to print."""

    heading: str
    texts: Sequence[str]
    dropped: int = ALWAYS
    """When it is dropped on a narrow terminal: 1 first, then 2, ...; 0 never."""
    numbers: bool = False
    """Whether entries stand on the right."""
    styles: Sequence[str] = ()
    """Rich style of each entry; plain if empty."""
    short: Sequence[str] = ()
    """Shorter entries, which are tried before the column is dropped; empty if there are none."""

    def __post_init__(self) -> None:
        """Make heading and entries safe before their widths are taken."""
        object.__setattr__(self, "heading", printable(self.heading))
        object.__setattr__(self, "texts", list(map(printable, self.texts)))
        object.__setattr__(self, "short", list(map(printable, self.short)))

    @property
    def width(self) -> int:
        """The width of its widest entry."""
        from rich.cells import cell_len

        return max(map(cell_len, (self.heading, *self.texts)))

    @property
    def is_empty(self) -> bool:
        """Whether no entry says anything."""
        return set(self.texts) <= {"", "-"}


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that fit into ``width``, the droppable ones left out in their order."""
    shown = list(columns)
    droppable = [column for column in shown if column.dropped != ALWAYS]
    droppable.sort(key=lambda column: column.dropped)
    for column in droppable:
        place = shown.index(column)
        if _width(shown, width) > width and column.short:
            shown[place] = replace(column, texts=column.short, short=())
        if _width(shown, width) > width:
            del shown[place]
    return shown


def print_table(console: Console, columns: Sequence[Column]) -> list[Column]:
    """Print what fits of ``columns``, names in the first one; return the columns that are shown."""
    shown = fitting(columns, console.width)
    table = _table(shown, _name_width(shown[0], console.width))
    width = console.width
    console.width = max(width, _width(shown, width))  # rich cuts at its own width, a terminal wraps
    try:
        console.print(table)
    finally:
        console.width = width
    return shown


def folded(name: str, width: int) -> list[str]:
    """Return the lines of a name, broken behind punctuation where possible.

    A ``width`` of 0 is that of names which a terminal shows no character of.
    """
    width = max(1, width)
    lines = [""]
    for part in re.findall(r"[^-_.:/\[\]\s]*[-_.:/\[\]\s]?", name):
        rest = part
        if lines[-1] and len(lines[-1]) + len(rest) > width:
            lines.append("")
        while len(rest) > width:
            lines[-1] = rest[:width]
            rest = rest[width:]
            lines.append("")
        lines[-1] += rest
    return lines if lines[-1] else lines[:-1] or [""]


def _name_width(names: Column, width: int) -> int:
    return min(names.width, max(NARROWEST_NAMES, width // 3))


def _width(columns: Sequence[Column], width: int) -> int:
    """Return the width of a table of these columns, if the console has ``width``."""
    names, *others = columns
    total = _name_width(names, width)
    for column in others:
        total += GAP + column.width
    return total


def _table(columns: Sequence[Column], name_width: int) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False, min_width=0
    )
    for column in columns:
        table.add_column(Text(column.heading), justify=_side(column), no_wrap=True)
    names, *others = columns
    for place, name in enumerate(names.texts):
        entries = [Text("\n".join(folded(name, name_width)))]
        for column in others:
            style = column.styles[place] if column.styles else ""
            entries.append(Text(column.texts[place], style=style))
        table.add_row(*entries)
    return table


def _side(column: Column) -> Literal["right", "left"]:
    return "right" if column.numbers else "left"
