"""Finds the four tables of ``experiment.md`` and says what is wrong with their form.

A table is found by the heading right above it and its columns by their names: their order, further columns, further
tables and further sections are free. What the cells claim is not judged here; ``matrix`` holds it against the folders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.config import did_you_mean, read_text
from greenbench.experiment.markdown import Row, Section, Table, column_key, read_sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

VARIANT_FILES = ("run.sh", "README.md", "config.yaml")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "Tasks": ("Task", "Description", "Data set", "Split notes"),
    "Models": ("Model", "Base model", "Tasks", "Notes"),
    "Variants": ("Folder", "Variant", "Data", "Architecture", "Training", "System", "Inference"),
    "Directory checklist": ("Folder", *VARIANT_FILES),
}
"""Table to the columns it must have; the first one tells the rows apart."""

_HEADINGS = {
    "Tasks": r"tasks?",
    "Models": r"models?",
    "Variants": r"variants?",
    "Directory checklist": r"(?:directory\W+)?checklist",
}
ALIASES = {"dir": "folder", "directory": "folder"}

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_CHECKS = frozenset("✓✔✅☑🗸√") | {"[x]", "yes"}
_CROSSES = frozenset("✗✘❌✕✖❎☒\N{MULTIPLICATION SIGN}x") | {"[ ]", "no"}
_INVISIBLE = "\ufe0e\ufe0f\u200b\u200d "


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of one ``experiment.md``."""

    where: str
    """How messages name the file."""
    found: Mapping[str, Table]
    """Name (a key of ``COLUMNS``) to table; one that is missing or lacks a column is absent."""
    problems: tuple[str, ...] = ()

    def rows(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a table, none where the table is absent."""
        return self.found[name].rows if name in self.found else ()


def read_tables(path: Path) -> Tables:
    """Read the tables of ``path``; whatever is wrong with their form is in ``problems``."""
    try:
        text = read_text(path, path.name)
    except UsageError as error:
        return Tables(where=path.name, found={}, problems=(str(error),))
    if not text.strip():
        needed = ", ".join(COLUMNS)
        return Tables(
            where=path.name,
            found={},
            problems=(f"{path.name}:1: the file is empty; it needs the tables {needed}",),
        )
    found, problems = _pick_all(read_sections(text))
    return Tables(
        where=path.name, found=found, problems=tuple(f"{path.name}:{n}: {s}" for n, s in problems)
    )


def tables_of(text: str) -> dict[str, Table]:
    """Return the tables that ``text`` holds in good form, by name; their columns as they are written."""
    return _pick_all(read_sections(text))[0]


def cell(row: Row, column: str) -> str:
    """Return the text of ``row`` under ``column``, named as in ``COLUMNS``."""
    return row.cells[column_key(column)]


def mark(text: str) -> bool | None:
    """Return True for a check mark, False for a cross, a dash or nothing at all, None for any other text."""
    bare = text.strip(_INVISIBLE).casefold()
    if bare in _CHECKS:
        return True
    return False if bare in _CROSSES or not bare.strip(_DASHES) else None


def inherits(text: str) -> bool:
    """Say whether a stage's cell claims the baseline: a dash of any kind, a cross or nothing."""
    return mark(text) is False


def _pick_all(sections: Sequence[Section]) -> tuple[dict[str, Table], list[tuple[int, str]]]:
    found: dict[str, Table] = {}
    problems: list[tuple[int, str]] = []
    for name in COLUMNS:
        own = [s for s in sections if _is_about(s.heading, name)]
        problems += [(n, _not_a_table(name)) for s in own for n in s.broken]
        tables = [_renamed(t) for s in own for t in s.tables]
        keyed = [t for t in tables if column_key(COLUMNS[name][0]) in _keys(t)] or tables[:1]
        objections = list(_objections(name, own, keyed))
        if keyed and not objections:
            found[name] = keyed[0]
            problems += _row_objections(keyed[0])
        problems += objections
    return found, problems


def _is_about(heading: str, name: str) -> bool:
    """Say whether ``heading`` starts with the table's name, after numbers and signs: ``2. Variants (variant map)``."""
    return re.match(rf"[\W\d_]*{_HEADINGS[name]}\b", heading, re.IGNORECASE) is not None


def _renamed(table: Table) -> Table:
    """Give the columns known under two names the one used here."""
    rows = tuple(
        replace(r, cells={ALIASES.get(k, k): v for k, v in r.cells.items()}) for r in table.rows
    )
    return replace(table, rows=rows)


def _keys(table: Table) -> list[str]:
    return [ALIASES.get(k, k) for k in map(column_key, table.columns)]


def _not_a_table(name: str) -> str:
    return (
        f"starts like a row but belongs to no table, so '{name}' lacks it; close the gap above it, "
        "or give the line under the header one '---' for each column"
    )


def _objections(
    name: str, sections: Sequence[Section], tables: Sequence[Table]
) -> Iterator[tuple[int, str]]:
    """Yield what keeps the table ``name`` from being read: it is missing, is there twice, or lacks a column."""
    if not tables and not any(s.broken for s in sections):
        line = sections[0].line if sections else 1
        yield (
            line,
            f"there is no table '{name}'; under a heading of that name put the columns: {', '.join(COLUMNS[name])}",
        )
    for table in tables[1:]:
        yield (
            table.line,
            f"a second table '{name}' (the first is on line {tables[0].line}); join them",
        )
    for table in tables[:1]:
        yield from ((table.line, s) for s in _column_objections(name, table))


def _column_objections(name: str, table: Table) -> Iterator[str]:
    keys = _keys(table)
    for column in COLUMNS[name]:
        times = keys.count(column_key(column))
        if times > 1:
            yield f"the table '{name}' has the column '{column}' {times} times; keep one"
        if not times:
            spare = [
                c for c in table.columns if column_key(c) not in map(column_key, COLUMNS[name])
            ]
            has = ", ".join(c or "(no name)" for c in table.columns)
            yield f"the table '{name}' has no column '{column}'; it has: {has}{did_you_mean(column, spare)}"


def _row_objections(table: Table) -> Iterable[tuple[int, str]]:
    columns = len(table.columns)
    return (
        (
            r.line,
            f"the row has {r.width} cells where the table has {columns} columns; mend its '|' signs",
        )
        for r in table.rows
        if r.width != columns
    )
