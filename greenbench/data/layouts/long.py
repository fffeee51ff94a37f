"""Tables with one program in every row, which names its problem and its language: AVATAR and CodeNet as tables.

A cell of tests holds what whole programs read and have to print. Rows that the data mark as unusable, because a program fails
its own tests for example, are left out and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.data import tables
from greenbench.data.layouts.cases import streams
from greenbench.data.layouts.records import Program, Read, code, language, plain
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.data.tables import Table

NAME = "long"
LOOKS = "a row for each program (problem_id, lang, source, perhaps tests)"
REQUIRED: Mapping[str, Sequence[str]] = {
    "problem": ("problem_id", "problem", "task_id", "id"),
    "language": ("language", "lang"),
    "text": ("source", "code", "program"),
}
"""Role to the columns that serve it. Of several for the problem the first one here counts: an ``id`` may be the row's."""
OPTIONAL: Mapping[str, Sequence[str]] = {
    "tests": ("tests", "test_cases", "testcases"),
    "usable": ("pair_ok",),
    "dataset": ("dataset",),
}
"""The same for what a table may lack: a problem's name is one within its data set."""


def fits(columns: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether the columns (in lower case), or those that the user chose, are of this layout."""
    return bool(set(chosen) & {*REQUIRED, *OPTIONAL}) or all(
        set(names) & set(columns) for names in REQUIRED.values()
    )


def read(file: Path, chosen: Mapping[str, str]) -> Read:
    """Read the programs of one file. Raises UsageError."""
    roles = _roles(file, chosen)
    table = tables.read(file, roles, chosen, may_lack=[role for role in OPTIONAL if role in roles])
    rows = [
        dict(zip(table.columns, row, strict=True))
        for row in zip(*table.columns.values(), strict=True)
    ]
    usable = [(index, row) for index, row in enumerate(rows) if not _marked(row.get("usable"))]
    made = [_program(row, table, index) for index, row in usable]
    return Read(programs=made, marked_unusable=len(rows) - len(made), files=[file])


def _roles(file: Path, chosen: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Leave out the roles that nothing serves here and that may be lacking."""
    columns = {c.lower() for c in tables.columns(file)}
    optional = {
        role: names for role, names in OPTIONAL.items() if role in chosen or columns & set(names)
    }
    problem = [name for name in REQUIRED["problem"] if name in columns][:1] or REQUIRED["problem"]
    return {**REQUIRED, "problem": problem, **optional}


def _marked(usable: object) -> bool:
    """Whether a row is marked as unusable; csv knows no truth values."""
    return usable is not None and str(usable).strip().lower() in {"false", "0", "no"}


def _program(row: Mapping[str, Any], table: Table, index: int) -> Program:
    where = table.where(index)
    problem = row["problem"]
    if isinstance(problem, bool) or not isinstance(problem, str | int):
        raise UsageError(
            f"{where}: the problem is {problem!r} and must be a name or a whole number; mend the row"
        )
    return Program(
        problem=f"{row['dataset']}/{problem}" if row.get("dataset") else str(problem),
        language=language(plain(row["language"], where, "language")),
        text=code(row["text"], where),
        tests=streams(row.get("tests"), where),
    )
