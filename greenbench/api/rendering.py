"""How a measurement is shown: a line, a table in a terminal, and HTML in Jupyter.

Names and reasons come from anywhere, and are made safe for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.numbers import quantity, unit
from greenbench.report.texts import plain, printable
from greenbench.types import NODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Group

    from greenbench.types import Energy, Quantity

INTERVAL = "+-: 95 % interval of this one run; it does not hold the spread between runs"
WIDTH = 100
"""Columns of the table as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWindow:
    """The window of a block that has ended."""

    name: str
    seconds: float
    energy: Energy
    quantities: Mapping[str, Quantity]
    """Joules and net joules of each channel and of their sum, with intervals."""
    warnings: tuple[str, ...]


class Shown(ABC):
    """What shows the window of a block, and its name while it runs."""

    def __init__(self, name: str) -> None:
        """Know the ``name``."""
        self.name = name

    @property
    @abstractmethod
    def ended(self) -> bool:
        """Whether there is a window to show."""

    @property
    @abstractmethod
    def window(self) -> BlockWindow:
        """What is shown."""

    def __repr__(self) -> str:
        """Return one line."""
        return line(self.window) if self.ended else f"{printable(self.name)}: running"

    def __str__(self) -> str:
        """Return the table as text."""
        return as_text(self.window) if self.ended else repr(self)

    def __rich__(self) -> Group | str:
        """Return the table, for rich."""
        return as_rich(self.window) if self.ended else repr(self)

    def _repr_html_(self) -> str | None:
        """Return the table, for Jupyter; None leaves it to ``repr``."""
        return as_html(self.window) if self.ended else None


class ChannelRow(NamedTuple):
    """One channel, or the total."""

    channel: str
    joules: str
    net: str
    source: str


HEADINGS = ChannelRow("channel", "joules", "net of idle", "source")


def line(window: BlockWindow) -> str:
    """Return ``step: 1.23 s, 4.56 +- 0.12 J (cpu zeus:rapl)``."""
    scope = window.energy.scope
    known = "joules unknown"
    if scope:
        sources = ", ".join(f"{channel} {window.energy.sources[channel]}" for channel in scope)
        known = f"{quantity(window.quantities['total_j'], 'J')} ({sources})"
    return printable(f"{title(window)}, {known}")


def as_text(window: BlockWindow) -> str:
    """Return the table without colours."""
    from rich.console import Console

    console = Console(width=WIDTH, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(as_rich(window))
    lines = [shown.rstrip() for shown in capture.get().splitlines()]
    return "\n".join(lines)


def as_rich(window: BlockWindow) -> Group:
    """Return the table, its title before it, and the notes below."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    shown, rows = _columns(_rows(window))
    for heading in shown:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    notes = [plain(f"- {note}") for note in _notes(window)]
    return Group(plain(title(window)), table, *notes)


def as_html(window: BlockWindow) -> str:
    """Return the table as HTML without scripts, styles or links; all texts are escaped."""
    shown, rows = _columns(_rows(window))
    head = _html_row("th", shown)
    body = "".join(_html_row("td", row) for row in rows)
    notes = "".join(f"<li>{_safe(note)}</li>" for note in _notes(window))
    caption = f"<caption>{_safe(title(window))}</caption>"
    table = f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"
    return f"{table}<ul>{notes}</ul>"


def title(window: BlockWindow) -> str:
    """Return name and duration."""
    return f"{window.name}: {unit(window.seconds, 's')}"


def _rows(window: BlockWindow) -> list[ChannelRow]:
    rows = []
    for channel in window.energy.channels:
        source = window.energy.sources.get(channel, "none")
        rows.append(_row(window, channel, source))
    if len(window.energy.scope) > 1:
        of_whole = "without node" if NODE in window.energy.channels else ""
        rows.append(_row(window, "total", of_whole))
    return rows


def _row(window: BlockWindow, name: str, source: str) -> ChannelRow:
    quantities = window.quantities
    joules = quantity(quantities[f"{name}_j"], "J")
    net = quantity(quantities[f"{name}_net_j"], "J")
    return ChannelRow(name, joules, net, source)


def _columns(rows: Sequence[ChannelRow]) -> tuple[list[str], list[list[str]]]:
    """Return headings and entries, without the net joules if none are known."""
    places = [0, 1, 2, 3] if any(row.net != "-" for row in rows) else [0, 1, 3]
    entries = [[row[place] for place in places] for row in rows]
    return [HEADINGS[place] for place in places], entries


def _notes(window: BlockWindow) -> list[str]:
    """Return what the interval is, why channels lack, and the warnings."""
    notes = [INTERVAL] if window.energy.scope else []
    for channel, reason in window.energy.reasons.items():
        notes.append(f"{channel}: {reason}")
    return [*notes, *window.warnings]


def _html_row(cell: str, texts: Iterable[str]) -> str:
    cells = "".join(f"<{cell}>{_safe(text)}</{cell}>" for text in texts)
    return f"<tr>{cells}</tr>"


def _safe(text: str) -> str:
    return escape(printable(text))
