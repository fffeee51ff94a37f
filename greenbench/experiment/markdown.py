"""Finds the tables of a Markdown text: section by section, with the line of every row.

It reads GitHub's table syntax with ``markdown-it-py``: what a browser shows as a table is one here,
and a table inside an HTML comment or a code fence is none. A cell is plain text, without backticks,
emphasis, link targets or HTML. The module opens no file and does not know what a table means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markdown_it.token import Token

_CELL_BORDER = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table's body."""

    line: int
    """Line in the text, counted from 1."""
    cells: Mapping[str, str]
    """Column (as ``column_key`` writes it) to the plain text of the cell."""
    width: int
    """Cells on the line. The syntax pads a short row and cuts a long one silently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownTable:
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
    tables: tuple[MarkdownTable, ...]
    broken: tuple[int, ...]
    """First lines of paragraphs that start with a ``|``: tables with a wrong second line."""


def column_key(name: str) -> str:
    """Return ``name`` without case, spaces, hyphens, underscores: ``Data set`` is ``dataset``."""
    return re.sub(r"[\W_]+", "", name.casefold()) or name


def lines_of(text: str) -> list[str]:
    """Return the lines as Markdown counts them: a form feed or a Unicode separator ends none."""
    return re.split(r"\r\n|\r|\n", text)


def read_sections(text: str) -> tuple[Section, ...]:
    """Return the sections of ``text``; the heading of what precedes the first one is ``""``."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    lines = lines_of(text)
    sections = []
    start = 0
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and place > start:
            sections.append(_section(tokens[start:place], lines))
            start = place
    if start < len(tokens):
        sections.append(_section(tokens[start:], lines))
    return tuple(sections)


def _section(tokens: Sequence[Token], lines: Sequence[str]) -> Section:
    has_heading = tokens[0].type == "heading_open"
    broken = []
    for paragraph in _blocks(tokens, "paragraph", level=0):
        if paragraph[1].content.startswith("|"):
            broken.append(_line(paragraph[0]))
    tables = [_table(block, lines) for block in _blocks(tokens, "table", level=0)]
    heading = _plain_text(tokens[1]) if has_heading else ""
    line = _line(tokens[0])
    return Section(line=line, heading=heading, tables=tuple(tables), broken=tuple(broken))


def _table(tokens: Sequence[Token], lines: Sequence[str]) -> MarkdownTable:
    header, *body = _blocks(tokens, "tr", level=2)
    columns = _cells(header)
    rows = tuple(_row(block, columns, lines) for block in body)
    return MarkdownTable(line=_line(header[0]), columns=columns, rows=rows)


def _row(tokens: Sequence[Token], columns: Sequence[str], lines: Sequence[str]) -> Row:
    line = _line(tokens[0])
    keys = map(column_key, columns)
    cells = dict(zip(keys, _cells(tokens), strict=True))
    return Row(line=line, cells=cells, width=len(written_cells(lines[line - 1])))


def written_cells(line: str) -> list[str]:
    """Return the cells of a row as they are written, with spaces.

    The borders at both ends are optional, and an escaped ``|`` is text.
    """
    cells = _CELL_BORDER.split(line.strip())
    if len(cells) == 1:
        return cells
    if not cells[-1]:
        cells.pop()
    if not cells[0]:
        cells.pop(0)
    return cells


def _blocks(tokens: Sequence[Token], kind: str, *, level: int) -> Iterator[Sequence[Token]]:
    """Yield the tokens from each ``<kind>_open`` at ``level`` to its ``<kind>_close``."""
    start = 0
    for place, token in enumerate(tokens):
        if token.level != level:
            continue
        if token.type == f"{kind}_open":
            start = place
        elif token.type == f"{kind}_close":
            yield tokens[start : place + 1]


def _cells(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(_plain_text(token) for token in tokens if token.type == "inline")


def _plain_text(inline: Token) -> str:
    text = ""
    for token in inline.children or []:
        if token.type in {"text", "code_inline"}:
            text += token.content
        elif token.type in {"softbreak", "hardbreak", "html_inline"}:
            text += " "
    return " ".join(text.split())


def _line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1
