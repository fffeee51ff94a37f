"""Finds the four tables of ``experiment.md`` and checks their form.

A table is found by the heading right above it, and a column by its name: the order of columns,
further columns, further tables and further sections are free. ``matrix`` compares the cells with
the variants' folders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from greenbench.errors import UsageError
from greenbench.experiment.markdown import MarkdownTable, Row, Section, column_key, read_sections
from greenbench.experiment.texts import did_you_mean, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Problem: TypeAlias = tuple[int, str]
    """A line and a sentence."""

VARIANT_FILES = ("run.sh", "README.md", "config.yaml")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Tasks": ("Task", "Description", "Data set", "Split notes"),
    "Models": ("Model", "Base model", "Tasks", "Notes"),
    "Variants": ("Folder", "Variant", "Data", "Architecture", "Training", "System", "Inference"),
    "Directory checklist": ("Folder", *VARIANT_FILES),
}
"""Table to the columns it must have; the first one identifies the rows."""

_HEADINGS = {
    "Tasks": r"tasks?",
    "Models": r"models?",
    "Variants": r"variants?",
    "Directory checklist": r"(?:directory\W+)?checklist",
}
_SYNONYMS = {"dir": "folder", "directory": "folder"}

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_CHECKS = frozenset("✓✔✅☑🗸√") | {"[x]", "yes"}
_CROSSES = frozenset("✗✘❌✕✖❎☒\N{MULTIPLICATION SIGN}x") | {"[ ]", "no"}
_INVISIBLE = "\ufe0e\ufe0f\u200b\u200d "


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of one ``experiment.md``."""

    where: str
    """How messages name the file."""
    found: Mapping[str, MarkdownTable]
    """Name (a key of ``COLUMNS``) to table, without those that are missing or lack a column."""
    problems: tuple[str, ...] = ()

    def rows(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a table, none if it was not found."""
        return self.found[name].rows if name in self.found else ()


def read_tables(path: Path) -> Tables:
    """Read the tables of ``path``; whatever is wrong with their form is in ``problems``."""
    try:
        text = read_text(path, path.name)
    except UsageError as error:
        return Tables(where=path.name, found={}, problems=(str(error),))
    if not text.strip():
        problem = f"{path.name}:1: the file is empty; it needs the tables {', '.join(COLUMNS)}"
        return Tables(where=path.name, found={}, problems=(problem,))
    tables, problems = _find_tables(read_sections(text))
    sentences = []
    for line, sentence in problems:
        sentences.append(f"{path.name}:{line}: {sentence}")
    return Tables(where=path.name, found=tables, problems=tuple(sentences))


def tables_of(text: str) -> dict[str, MarkdownTable]:
    """Return the tables of ``text`` that are in good form, by name; columns as they are written."""
    return _find_tables(read_sections(text))[0]


def table_key(column: str) -> str:
    """Return the key of a column, the same for all names that a column may have."""
    key = column_key(column)
    return _SYNONYMS.get(key, key)


def cell(row: Row, column: str) -> str:
    """Return the text of ``row`` under ``column``, named as in ``COLUMNS``."""
    return row.cells[column_key(column)]


def mark(text: str) -> bool | None:
    """Return True for a check mark, False for a cross, a dash or nothing, None for other text."""
    bare = text.strip(_INVISIBLE).casefold()
    if bare in _CHECKS:
        return True
    if bare in _CROSSES or not bare.strip(_DASHES):
        return False
    return None


def inherits(text: str) -> bool:
    """Whether a stage's cell claims the baseline: a dash of any kind, a cross or nothing."""
    return mark(text) is False


def _find_tables(
    sections: Sequence[Section],
) -> tuple[dict[str, MarkdownTable], list[Problem]]:
    tables: dict[str, MarkdownTable] = {}
    problems: list[Problem] = []
    for name in COLUMNS:
        own = [section for section in sections if _is_about(section.heading, name)]
        problems += _broken_table_problems(name, own)
        candidates = _candidates(name, own)
        form_problems = list(_form_problems(name, own, candidates))
        if candidates and not form_problems:
            tables[name] = candidates[0]
            problems += _width_problems(candidates[0])
        problems += form_problems
    return tables, problems


def _is_about(heading: str, name: str) -> bool:
    """Whether ``heading`` starts with the table's name, or after numbers: ``2. Variants``."""
    return re.match(rf"[\W\d_]*{_HEADINGS[name]}\b", heading, re.IGNORECASE) is not None


def _candidates(name: str, sections: Sequence[Section]) -> list[MarkdownTable]:
    """Return the tables of ``sections`` with the column that identifies rows, else the first."""
    key = column_key(COLUMNS[name][0])
    tables = []
    keyed = []
    for section in sections:
        for written in section.tables:
            table = _with_known_keys(written)
            tables.append(table)
            if key in _keys(table):
                keyed.append(table)
    return keyed or tables[:1]


def _with_known_keys(table: MarkdownTable) -> MarkdownTable:
    """Return ``table`` with the cells of a column that has a second name under its first one."""
    rows = []
    for row in table.rows:
        cells = {table_key(column): text for column, text in row.cells.items()}
        rows.append(replace(row, cells=cells))
    return replace(table, rows=tuple(rows))


def _keys(table: MarkdownTable) -> list[str]:
    return list(map(table_key, table.columns))


def _broken_table_problems(name: str, sections: Sequence[Section]) -> Iterator[Problem]:
    stray = f"starts like a row but belongs to no table, so '{name}' lacks it"
    remedy = "close the gap above it, or give the line under the header one '---' for each column"
    for section in sections:
        for line in section.broken:
            yield line, f"{stray}; {remedy}"


def _form_problems(
    name: str, sections: Sequence[Section], tables: Sequence[MarkdownTable]
) -> Iterator[Problem]:
    """Yield why ``name`` cannot be read: it is missing, is there twice, or lacks a column."""
    if not tables:
        if not any(section.broken for section in sections):
            line = sections[0].line if sections else 1
            remedy = f"under a heading of that name put the columns: {', '.join(COLUMNS[name])}"
            yield line, f"there is no table '{name}'; {remedy}"
        return
    first, *others = tables
    for table in others:
        where = f"the first is on line {first.line}"
        yield table.line, f"a second table '{name}' ({where}); join them"
    for sentence in _column_problems(name, first):
        yield first.line, sentence


def _column_problems(name: str, table: MarkdownTable) -> Iterator[str]:
    keys = _keys(table)
    required = list(map(column_key, COLUMNS[name]))
    others = [column for column in table.columns if column_key(column) not in required]
    for column in COLUMNS[name]:
        times = keys.count(column_key(column))
        if times > 1:
            yield f"the table '{name}' has the column '{column}' {times} times; keep one"
        if not times:
            columns = ", ".join(c or "(no name)" for c in table.columns)
            hint = did_you_mean(column, others)
            yield f"the table '{name}' has no column '{column}'; it has: {columns}{hint}"


def _width_problems(table: MarkdownTable) -> Iterator[Problem]:
    columns = len(table.columns)
    for row in table.rows:
        if row.width != columns:
            widths = f"the row has {row.width} cells where the table has {columns} columns"
            yield row.line, f"{widths}; fix its '|' signs"
