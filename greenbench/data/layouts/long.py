"""Tables with one program a row, with its problem and language: AVATAR and CodeNet as tables.

A cell of tests contains the inputs and expected outputs of whole programs. Rows that the data mark
as unusable, for example because a program fails its own tests, are left out and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.data import tables
from greenbench.data.layouts.cases import streams
from greenbench.data.layouts.records import Solution, Solutions, code, language, plain
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

NAME = "long"
LOOKS = "a row for each program (problem_id, lang, source, perhaps tests)"
REQUIRED: Mapping[str, Sequence[str]] = {
    "problem": ("problem_id", "problem", "task_id", "id"),
    "language": ("language", "lang"),
    "text": ("source", "code", "program"),
}
"""Role to the columns that serve it.

The first of several columns for the problem is taken: an ``id`` may be the row's.
"""
OPTIONAL: Mapping[str, Sequence[str]] = {
    "tests": ("tests", "test_cases", "testcases"),
    "usable": ("pair_ok",),
    "dataset": ("dataset",),
}
"""The same for roles that a table may lack; a problem's name is unique within its ``dataset``."""


def fits(columns: Sequence[str], chosen: Mapping[str, str]) -> bool:
    """Whether the columns (in lower case), or those that the user chose, are of this layout."""
    if not chosen.keys().isdisjoint({*REQUIRED, *OPTIONAL}):
        return True
    present = set(columns)
    return all(not present.isdisjoint(names) for names in REQUIRED.values())


def read(file: PurePath, chosen: Mapping[str, str]) -> Solutions:
    """Read the programs of one file. Raises UsageError."""
    roles = _roles(file, chosen)
    optional = [role for role in OPTIONAL if role in roles]
    table = tables.read(file, roles, chosen, may_lack=optional)
    solutions = Solutions(files=[file])
    for index, row in enumerate(table.rows()):
        if _is_unusable(row.get("usable")):
            solutions.marked_unusable += 1
        else:
            solutions.programs.append(_solution(row, table.where(index)))
    return solutions


def _roles(file: PurePath, chosen: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """Return the required roles, and the optional ones that a column serves."""
    columns = {c.lower() for c in tables.columns(file)}
    roles = dict(REQUIRED)
    for name in REQUIRED["problem"]:
        if name in columns:
            roles["problem"] = (name,)
            break
    for role, names in OPTIONAL.items():
        if role in chosen or not columns.isdisjoint(names):
            roles[role] = names
    return roles


def _is_unusable(mark: object) -> bool:
    """Whether a row is marked as unusable; csv has no truth values, only their names."""
    return mark is not None and str(mark).strip().lower() in {"false", "0", "no"}


def _solution(row: Mapping[str, object], where: str) -> Solution:
    problem = row["problem"]
    if isinstance(problem, bool) or not isinstance(problem, str | int):
        raise UsageError(
            f"{where}: the problem is {problem!r} and must be a name or a whole number; mend the "
            "row"
        )
    name = plain(row["language"], where, "language")
    text = code(row["text"], where)
    tests = streams(row.get("tests"), where)
    dataset = row.get("dataset")
    unique = f"{dataset}/{problem}" if dataset else str(problem)
    return Solution(problem=unique, language=language(name), text=text, tests=tests)
