"""Adds a variant to the text of an ``experiment.md``: a row of the variants table, one of the checklist, a changelog line.

Whatever a person wrote stays as it is, to the byte: comments, the columns' order, further columns (their cells stay empty),
the way that folders are written, the line endings. What the cells claim is not judged here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from greenbench.experiment.markdown import column_key, lines_of, read_sections, written_cells
from greenbench.experiment.tables import ALIASES, VARIANT_FILES, cell, mark, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.experiment.markdown import Table

_CHANGELOG = re.compile(r"[\W\d_]*(?:changelog|change log)\b", re.IGNORECASE)
_OTHERWISE = re.compile(r"[\W\d_]*(?:changes|history)\W*$", re.IGNORECASE)
_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def with_variant(text: str, name: str, row: Mapping[str, str], change: tuple[str, str]) -> str:
    """Return ``text`` with a row for the folder ``name`` and a line in the changelog.

    ``row`` holds the cells of the variants table by column, as in ``COLUMNS``; ``change`` is an ISO date and a sentence.
    """
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    found = tables_of(text)
    edits = [_change(text, lines, *change)]
    if "Directory checklist" in found:
        edits.append(
            _row(
                lines,
                found["Directory checklist"],
                {"Folder": name, **dict.fromkeys(VARIANT_FILES, "✓")},
            )
        )
    edits.append(_row(lines, found["Variants"], {**row, "Folder": name}))
    for place, line in sorted(
        edits, key=lambda edit: edit[0], reverse=True
    ):  # from the end: places above stay true
        _insert(lines, place, line)
    return "".join(lines)


def written_row(text: str, name: str) -> dict[str, str]:
    """Return the cells of a variant's row as they are written, by column key."""
    table = tables_of(text)["Variants"]
    line = next(r.line for r in table.rows if name in cell(r, "Folder").split("/"))
    cells = [c.strip() for c in written_cells(lines_of(text)[line - 1])]
    return dict(zip(map(_key, table.columns), cells, strict=True))


def _key(column: str) -> str:
    key = column_key(column)
    return ALIASES.get(key, key)


def _row(lines: Sequence[str], table: Table, cells: Mapping[str, str]) -> tuple[int, str]:
    """Return where a row goes, and the row: below the last one and in its manner."""
    wanted = {column_key(column): text for column, text in cells.items()}
    if not table.rows:
        return table.line + 1, _joined([wanted.get(_key(c), "") for c in table.columns], "|")
    last = table.rows[-1]
    model = lines[last.line - 1]
    before = dict(zip(map(_key, table.columns), written_cells(model), strict=True))
    named = cell(last, "Folder").strip("/").rpartition("/")[2]
    manner = before["folder"].strip()
    texts = {
        **wanted,
        "folder": manner.replace(named, wanted["folder"])
        if named in manner
        else f"`{wanted['folder']}`",
    }
    texts |= {
        key: before[key].strip()
        for key in map(column_key, VARIANT_FILES)
        if key in texts and mark(before[key])
    }
    return last.line, _joined([texts.get(_key(c), "") for c in table.columns], model)


def _joined(cells: Sequence[str], model: str) -> str:
    """Join cells with borders at the ends where the line ``model`` has them, indented as it is."""
    bare = model.strip()
    indent = model[: len(model) - len(model.lstrip(" \t"))]
    left = "| " if bare.startswith("|") or not cells[0] else ""
    right = " |" if bare.endswith("|") or not cells[-1] else ""
    return f"{indent}{left}{' | '.join(cells)}{right}"


def _change(text: str, lines: Sequence[str], date: str, sentence: str) -> tuple[int, str]:
    """Return where a changelog line goes, and the line: in its table, else in its list, else under a heading of its own."""
    sections = read_sections(text)
    section = next(
        (s for kind in (_CHANGELOG, _OTHERWISE) for s in sections if kind.match(s.heading)), None
    )
    if section is None:
        return len(
            lines
        ), f"\n## Changelog\n\n| Date | Change |\n|---|---|\n| {date} | {sentence} |"
    if section.tables:
        return _change_row(lines, section.tables[0], date, sentence)
    return _change_item(text, lines, section.line, f"{date}: {sentence}")


def _change_row(lines: Sequence[str], table: Table, date: str, sentence: str) -> tuple[int, str]:
    keys = [_key(c) for c in table.columns]
    told = "change" if "change" in keys else next((k for k in keys if k != "date"), keys[-1])
    said = {"date": date, told: sentence} if "date" in keys else {told: f"{date}: {sentence}"}
    line = _joined([said.get(k, "") for k in keys], lines[table.line - 1])
    dates = [_DATE.findall(" ".join(r.cells.values())) for r in table.rows]
    known = [d[0] for d in dates if d]
    oldest_first = known != sorted(known, reverse=True)
    return (table.rows[-1].line if oldest_first else table.line + 1), line


def _change_item(text: str, lines: Sequence[str], heading: int, sentence: str) -> tuple[int, str]:
    """Put an item on top of the list below the heading on line ``heading``; without a list there, start one."""
    below = heading
    for token in MarkdownIt("commonmark").parse(text):
        if token.map is None or token.map[0] < heading - 1:
            continue
        if token.type == "heading_open" and token.map[0] == heading - 1:
            below = token.map[1]  # an underlined heading takes two lines
        elif token.type == "heading_open":
            break
        elif token.type == "list_item_open":
            found = _BULLET.match(lines[token.map[0]])
            return token.map[0], f"{found[0] if found else '- '}{sentence}"
    rest = lines[below].strip() if below < len(lines) else ""
    return below, f"\n- {sentence}" + ("\n" if rest else "")


def _insert(lines: list[str], place: int, line: str) -> None:
    """Put ``line`` after the first ``place`` lines, with the file's line ending, at the end of a file too."""
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if place and lines[place - 1] and not lines[place - 1].endswith(("\n", "\r")):
        lines[place - 1] += ending
    lines.insert(place, line.replace("\n", ending) + ending)
