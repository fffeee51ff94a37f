"""A figure: its drawings, what they say in words, and the same data as a table."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.analysis.simultaneous import Bounded

Entry = str | float | None
"""An entry of a table: a text, a number in the unit that its column names, or None, unknown."""

EntryRow = tuple[Entry, ...]

NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart with its data; titles, captions and entries are plain text."""

    name: str
    """Of its files and anchors: lower-case letters, digits and hyphens, unique in a report."""
    title: str
    caption: str
    """What is drawn, from how many rounds, and where the joules come from."""
    drawings: Mapping[str, str]
    """The SVG of each switch, ``total`` or ``GPU``; a single one needs no switch."""
    columns: tuple[str, ...]
    """With units."""
    rows: tuple[EntryRow, ...]

    @property
    def safe(self) -> Figure:
        """The same without control characters in its texts, which results may hold."""
        columns = [printable(column) for column in self.columns]
        rows = []
        for row in self.rows:
            entries = [_printable(entry) for entry in row]
            rows.append(tuple(entries))
        title = printable(self.title)
        caption = printable(self.caption)
        texts = replace(self, title=title, caption=caption)
        return replace(texts, columns=tuple(columns), rows=tuple(rows))


def _printable(entry: Entry) -> Entry:
    return printable(entry) if isinstance(entry, str) else entry


def shown(entry: Entry) -> str:
    """Return an entry as people read it: four significant digits, ``-`` for what is unknown."""
    if entry is None:
        return "-"
    if isinstance(entry, str):
        return entry
    if abs(entry) >= 1000:  # noqa: PLR2004
        return f"{entry:.0f}"
    return f"{entry:.4g}"


def bounds(value: Bounded) -> tuple[float, float, float]:
    """Return the entries of a value with its interval."""
    return value.value, value.low, value.high


def slug(*words: str) -> str:
    """Return words as a part of a file's name or an anchor: ``quality-t2``."""
    return NOT_IN_A_NAME.sub("-", " ".join(words).lower()).strip("-")
