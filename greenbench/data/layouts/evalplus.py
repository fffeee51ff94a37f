"""EvalPlus (Liu et al., NeurIPS 2023): Python functions with many inputs, judged by what the canonical solution gives for them.

A translation is called side by side with that solution. As in EvalPlus's own evaluation, results have to be equal, floats up to
a tolerance, and ``find_zero`` may give any zero. Inputs on which the solution itself fails say nothing and are left out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.data import tables
from greenbench.data.layouts.cases import parsed
from greenbench.data.layouts.humaneval_x import before
from greenbench.data.layouts.records import Program, Read, code, plain
from greenbench.data.program_tests import Checks
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.data.tables import Table

NAME = "EvalPlus"
LOOKS = "EvalPlus (task_id, prompt, entry_point, canonical_solution, base_input)"
REQUIRED = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input")
OPTIONAL = ("plus_input", "atol")
COMPARING = """\
def check_side_by_side(translated, asked):
    import copy, json, math

    asked = json.loads(asked)
    entry, atol = asked["entry"], asked["atol"]
    space = {"__name__": "reference"}
    exec(asked["solution"], space)

    def floats(value):
        many = isinstance(value, (list, tuple))
        return isinstance(value, float) or (many and all(isinstance(item, float) for item in value))

    def near(found, expected):
        if isinstance(expected, (list, tuple)):
            alike = type(found) is type(expected) or (floats(expected) and isinstance(found, (list, tuple)))
            return alike and len(found) == len(expected) and all(map(same, found, expected))
        if isinstance(expected, dict):
            alike = isinstance(found, dict) and found.keys() == expected.keys()
            return alike and all(same(found[key], expected[key]) for key in expected)
        allowed = atol or (1e-6 if isinstance(expected, float) else 0)
        if not allowed or not isinstance(expected, (int, float)) or not isinstance(found, (int, float)):
            return False
        if math.isnan(expected) or math.isnan(found):
            return math.isnan(expected) and math.isnan(found)
        return abs(found - expected) <= allowed + 1e-7 * abs(expected)

    def same(found, expected):
        return expected == found or near(found, expected)

    def is_zero(found, coefficients):
        return abs(sum(c * math.pow(found, power) for power, c in enumerate(coefficients))) <= (atol or 1e-4)

    compared = 0
    for given in asked["inputs"]:
        try:
            expected = space[entry](*copy.deepcopy(given))
        except Exception:
            continue
        compared += 1
        found = translated(*copy.deepcopy(given))
        right = is_zero(found, given[0]) if entry == "find_zero" else same(found, expected)
        assert right, f"{entry} of {given!r:.80} gave {found!r:.40}, expected {expected!r:.40}"
    assert compared, "the canonical solution fails on all inputs"
"""
"""Python that calls a translation and the canonical solution with the same arguments, each with copies of its own."""


def fits(columns: Sequence[str], _chosen: Mapping[str, str]) -> bool:
    """Whether the columns (in lower case) are of this layout."""
    return set(REQUIRED) <= set(columns)


def read(file: Path, chosen: Mapping[str, str]) -> Read:
    """Read the programs of one file. Raises UsageError."""
    there = {c.lower() for c in tables.columns(file)}
    optional = [name for name in OPTIONAL if name in there]
    table = tables.read(
        file, {name: (name,) for name in (*REQUIRED, *optional)}, chosen, may_lack=optional
    )
    rows = [
        dict(zip(table.columns, row, strict=True))
        for row in zip(*table.columns.values(), strict=True)
    ]
    return Read(
        programs=[_program(row, table, index) for index, row in enumerate(rows)], files=[file]
    )


def judging(programs: Sequence[Program], strict: Sequence[Program]) -> list[Program]:
    """Give HumanEval-X's ``programs`` the tests of EvalPlus's (``strict``) where both have a problem; others are added."""
    tests = {(p.problem, p.language): p.tests for p in strict}
    known = {(p.problem, p.language) for p in programs}
    kept = [replace(p, tests=tests.get((p.problem, p.language), p.tests)) for p in programs]
    return [*kept, *(p for p in strict if (p.problem, p.language) not in known)]


def _program(row: Mapping[str, Any], table: Table, index: int) -> Program:
    where = table.where(index)
    solution = code(row["prompt"], where) + plain(row["canonical_solution"], where, "program")
    entry = plain(row["entry_point"], where, "entry_point")
    if not entry.isidentifier():
        raise UsageError(
            f"{where}: the entry_point is {entry!r} and must be the name of a function; mend the row"
        )
    inputs = [
        case
        for name in ("base_input", "plus_input")
        for case in _inputs(row.get(name), where, name)
    ]
    checks = Checks(before=before("python"), after=_after(solution, entry, inputs, row, where))
    problem = plain(row["task_id"], where, "task_id")
    return Program(
        problem=problem, language="python", text=solution, tests=checks if inputs else None
    )


def _inputs(cell: object, where: str, name: str) -> list[list[Any]]:
    found = parsed(cell, where, f"{name}s") or []
    if not (isinstance(found, list) and all(isinstance(case, list) for case in found)):
        raise UsageError(f"{where}: {name} must be a list of lists of arguments; mend the row")
    return found


def _after(
    solution: str, entry: str, inputs: Sequence[Any], row: Mapping[str, Any], where: str
) -> str:
    try:
        atol = float(row.get("atol") or 0)
        asked = json.dumps({"solution": solution, "entry": entry, "inputs": inputs, "atol": atol})
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{where}: the inputs must be JSON and atol a number ({error}); mend the row"
        ) from error
    return f"{COMPARING}\n\ncheck_side_by_side({entry}, {asked!r})\n"
