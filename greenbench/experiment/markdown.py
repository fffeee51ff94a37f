"""Finds the tables of a Markdown text: section by section, with the line of every row.

It reads GitHub's table syntax through ``markdown-it-py``, so what a browser shows as a table is what is found here:
tables inside HTML comments or code fences are none. A cell comes as plain text, without backticks, emphasis, link
targets or HTML. It neither opens files nor knows what any of the tables mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markdown_it.token import Token

_SHOWN = frozenset({"text", "code_inline"})
_BREAKS = frozenset({"softbreak", "hardbreak", "html_inline"})
_CELL_BORDER = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table's body."""

    line: int
    """Line in the text, counted from 1."""
    cells: Mapping[str, str]
    """Column (as ``column_key`` writes it) to the plain text of the cell."""
    width: int
    """Cells the line really has; the syntax pads a short row and cuts a long one without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: the names of its columns and its rows."""

    line: int
    columns: tuple[str, ...]
    """As they are written."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and the tables between it and the next heading of any level."""

    line: int
    heading: str
    tables: tuple[Table, ...]
    broken: tuple[int, ...]
    """First lines of paragraphs that start with a ``|``: tables with a mistake in their second line."""


def column_key(name: str) -> str:
    """Write a column's name so that case, spaces, hyphens and underscores do not count: ``Data set`` is ``dataset``."""
    return re.sub(r"[\W_]+", "", name.casefold()) or name


def lines_of(text: str) -> list[str]:
    """Return the lines as Markdown counts them: a form feed or Unicode's separators end none."""
    return re.split(r"\r\n|\r|\n", text)


def read_sections(text: str) -> tuple[Section, ...]:
    """Return the sections of ``text`` in order; what precedes the first heading has the heading ``""``."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    lines = lines_of(text)
    starts = [i for i, t in enumerate(tokens) if t.type == "heading_open" and t.level == 0]
    bounds = zip([0, *starts], [*starts, len(tokens)], strict=True)
    return tuple(_section(tokens[a:b], lines) for a, b in bounds if b > a)


def _section(tokens: Sequence[Token], lines: Sequence[str]) -> Section:
    titled = tokens[0].type == "heading_open"
    return Section(
        line=_line(tokens[0]),
        heading=_plain(tokens[1]) if titled else "",
        tables=tuple(_table(part, lines) for part in _parts(tokens, "table", level=0)),
        broken=tuple(
            _line(part[0])
            for part in _parts(tokens, "paragraph", level=0)
            if part[1].content.startswith("|")
        ),
    )


def _table(tokens: Sequence[Token], lines: Sequence[str]) -> Table:
    header, *body = _parts(tokens, "tr", level=2)
    columns = _cells(header)
    return Table(
        line=_line(header[0]),
        columns=columns,
        rows=tuple(_row(part, columns, lines) for part in body),
    )


def _row(tokens: Sequence[Token], columns: Sequence[str], lines: Sequence[str]) -> Row:
    line = _line(tokens[0])
    cells = dict(zip(map(column_key, columns), _cells(tokens), strict=True))
    return Row(line=line, cells=cells, width=len(written_cells(lines[line - 1])))


def written_cells(line: str) -> list[str]:
    """Return the cells of a row as written, spaces included: borders at both ends are optional, an escaped ``|`` is text."""
    parts = _CELL_BORDER.split(line.strip())
    first = len(parts) > 1 and not parts[0]
    last = len(parts) > 1 and not parts[-1]
    return parts[first : len(parts) - last]


def _parts(tokens: Sequence[Token], kind: str, *, level: int) -> Iterator[Sequence[Token]]:
    """Yield the runs of tokens from each ``<kind>_open`` at ``level`` to its ``<kind>_close``."""
    start = 0
    for i, token in enumerate(tokens):
        if token.level == level and token.type == f"{kind}_open":
            start = i
        elif token.level == level and token.type == f"{kind}_close":
            yield tokens[start : i + 1]


def _cells(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(_plain(t) for t in tokens if t.type == "inline")


def _plain(inline: Token) -> str:
    children = inline.children or []
    shown = (t.content if t.type in _SHOWN else " " if t.type in _BREAKS else "" for t in children)
    return " ".join("".join(shown).split())


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1
