"""Adds a variant to the text of an ``experiment.md``: a row, a checklist row, a changelog line.

All that is there stays as it is, to the byte: comments, the order of columns, further columns
(whose new cells stay empty), the form in which folders are written, the line endings. ``matrix``
judges what the cells claim.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from markdown_it import MarkdownIt

from greenbench.experiment.markdown import column_key, lines_of, read_sections, written_cells
from greenbench.experiment.tables import VARIANT_FILES, cell, mark, table_key, tables_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.experiment.markdown import MarkdownTable, Section

    Edit: TypeAlias = tuple[int, str]
    """A number of lines, and the text that goes below them."""

_CHANGELOG = re.compile(r"[\W\d_]*(?:changelog|change log)\b", re.IGNORECASE)
_CHANGES = re.compile(r"[\W\d_]*(?:changes|history)\W*$", re.IGNORECASE)
_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def with_variant(text: str, name: str, row: Mapping[str, str], change: tuple[str, str]) -> str:
    """Return ``text`` with a row for the folder ``name`` and a line in the changelog.

    ``row`` holds the cells of the variants table by column, as in ``COLUMNS``; ``change`` is an ISO
    date and a sentence.
    """
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    tables = tables_of(text)
    edits = [_changelog_edit(text, lines, *change)]
    checklist = tables.get("Directory checklist")
    if checklist:
        checks = dict.fromkeys(VARIANT_FILES, "✓")
        edits.append(_row_edit(lines, checklist, {"Folder": name, **checks}))
    edits.append(_row_edit(lines, tables["Variants"], {**row, "Folder": name}))
    # From the end to the start, so that the places of the remaining edits stay true.
    for place, line in sorted(edits, key=lambda edit: edit[0], reverse=True):
        _insert(lines, place, line)
    return "".join(lines)


def written_row(text: str, name: str) -> dict[str, str]:
    """Return the cells of a variant's row as they are written, by column key."""
    table = tables_of(text)["Variants"]
    lines = lines_of(text)
    for row in table.rows:
        if name in cell(row, "Folder").split("/"):
            return _written_cells(table, lines[row.line - 1])
    raise KeyError(name)


def _written_cells(table: MarkdownTable, line: str) -> dict[str, str]:
    """Return the cells of a row of ``table`` as they are written on ``line``, by column key."""
    cells = {}
    for column, written in zip(table.columns, written_cells(line), strict=True):
        cells[table_key(column)] = written.strip()
    return cells


def _row_edit(lines: Sequence[str], table: MarkdownTable, cells: Mapping[str, str]) -> Edit:
    """Return the edit that adds a row to ``table``, formatted like its last row."""
    if not table.rows:
        return table.line + 1, _joined(table, cells, "|")
    last = table.rows[-1]
    last_line = lines[last.line - 1]
    last_cells = _written_cells(table, last_line)
    last_folder = cell(last, "Folder").strip("/").rpartition("/")[2]
    folder = _like(last_cells["folder"], last_folder, cells["Folder"])
    texts = {**cells, "Folder": folder}
    for file in VARIANT_FILES:
        last_mark = last_cells.get(column_key(file), "")
        if file in texts and mark(last_mark):
            texts[file] = last_mark
    return last.line, _joined(table, texts, last_line)


def _like(written: str, name: str, new_name: str) -> str:
    """Return ``new_name`` written as ``name`` is in ``written``, in code marks if it is not."""
    return written.replace(name, new_name) if name in written else f"`{new_name}`"


def _joined(table: MarkdownTable, texts: Mapping[str, str], model: str) -> str:
    """Return a row of ``table``, with the borders and the indentation of the line ``model``.

    ``texts`` are its cells by column; the other cells are empty.
    """
    by_key = {column_key(column): text for column, text in texts.items()}
    cells = [by_key.get(table_key(column), "") for column in table.columns]
    bare = model.strip()
    indent = model[: len(model) - len(model.lstrip(" \t"))]
    left = "| " if bare.startswith("|") or not cells[0] else ""
    right = " |" if bare.endswith("|") or not cells[-1] else ""
    return f"{indent}{left}{' | '.join(cells)}{right}"


def _changelog_edit(text: str, lines: Sequence[str], date: str, sentence: str) -> Edit:
    """Return the edit of the changelog's table, else of its list, else one that begins a table."""
    section = _changelog(read_sections(text))
    if section is None:
        table = f"| Date | Change |\n|---|---|\n| {date} | {sentence} |"
        return len(lines), f"\n## Changelog\n\n{table}"
    if section.tables:
        return _changelog_row_edit(lines, section.tables[0], date, sentence)
    return _changelog_item_edit(text, lines, section.line, f"{date}: {sentence}")


def _changelog(sections: Sequence[Section]) -> Section | None:
    for heading in (_CHANGELOG, _CHANGES):
        for section in sections:
            if heading.match(section.heading):
                return section
    return None


def _changelog_row_edit(
    lines: Sequence[str], table: MarkdownTable, date: str, sentence: str
) -> Edit:
    keys = list(map(table_key, table.columns))
    if "date" in keys:
        cells = {"date": date, _change_key(keys): sentence}
    else:
        cells = {_change_key(keys): f"{date}: {sentence}"}
    line = _joined(table, cells, lines[table.line - 1])
    if _is_oldest_first(table):
        return table.rows[-1].line, line
    return table.line + 1, line


def _change_key(keys: Sequence[str]) -> str:
    """Return the key of the column for the sentence."""
    if "change" in keys:
        return "change"
    for key in keys:
        if key != "date":
            return key
    return keys[-1]


def _is_oldest_first(table: MarkdownTable) -> bool:
    dates = []
    for row in table.rows:
        row_dates = _DATE.findall(" ".join(row.cells.values()))
        dates += row_dates[:1]
    return dates != sorted(dates, reverse=True)


def _changelog_item_edit(text: str, lines: Sequence[str], heading: int, sentence: str) -> Edit:
    """Return the edit that puts an item first in the list below the heading on line ``heading``.

    Without a list there it starts one.
    """
    below = heading
    for token in MarkdownIt("commonmark").parse(text):
        if token.map is None or token.map[0] < heading - 1:
            continue
        if token.type == "heading_open" and token.map[0] == heading - 1:
            below = token.map[1]  # an underlined heading has two lines
        elif token.type == "heading_open":
            break
        elif token.type == "list_item_open":
            bullet = _BULLET.match(lines[token.map[0]])
            return token.map[0], f"{bullet[0] if bullet else '- '}{sentence}"
    followed = below < len(lines) and lines[below].strip()
    return below, f"\n- {sentence}\n" if followed else f"\n- {sentence}"


def _insert(lines: list[str], place: int, line: str) -> None:
    """Put ``line`` below the first ``place`` lines, with the file's own line ending."""
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if place and lines[place - 1] and not lines[place - 1].endswith(("\n", "\r")):
        lines[place - 1] += ending
    lines.insert(place, line.replace("\n", ending) + ending)
