"""EvalPlus (Liu et al., NeurIPS 2023): Python functions with many inputs.

A translation is called with the same inputs as the canonical solution, and the results are
compared. As in EvalPlus's own evaluation, results have to be equal, floats up to a tolerance, and
``find_zero`` may give any zero. Inputs on which the solution itself fails are left out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.data import tables
from greenbench.data.layouts.cases import parsed
from greenbench.data.layouts.humaneval_x import before
from greenbench.data.layouts.records import Solution, Solutions, code, plain
from greenbench.data.program_tests import Checks
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.program_tests import Tests

NAME = "EvalPlus"
LOOKS = "EvalPlus (task_id, prompt, entry_point, canonical_solution, base_input)"
REQUIRED = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input")
OPTIONAL = ("plus_input", "atol")
INPUTS = ("base_input", "plus_input")
COMPARING = """\
def check_side_by_side(translated, task):
    import copy, json, math

    task = json.loads(task)
    entry, atol = task["entry"], task["atol"]
    reference = {"__name__": "reference"}
    exec(task["solution"], reference)

    def is_sequence(value):
        return isinstance(value, (list, tuple))

    def is_number(value):
        return isinstance(value, (int, float))

    def are_floats(value):
        if is_sequence(value):
            return all(isinstance(item, float) for item in value)
        return isinstance(value, float)

    def near(result, expected):
        if is_sequence(expected):
            alike = type(result) is type(expected)
            if not alike and not (are_floats(expected) and is_sequence(result)):
                return False
            return len(result) == len(expected) and all(map(same, result, expected))
        if isinstance(expected, dict):
            if not isinstance(result, dict) or result.keys() != expected.keys():
                return False
            return all(same(result[key], expected[key]) for key in expected)
        allowed = atol or (1e-6 if isinstance(expected, float) else 0)
        if not allowed or not is_number(expected) or not is_number(result):
            return False
        if math.isnan(expected) or math.isnan(result):
            return math.isnan(expected) and math.isnan(result)
        return abs(result - expected) <= allowed + 1e-7 * abs(expected)

    def same(result, expected):
        return expected == result or near(result, expected)

    def is_zero(result, coefficients):
        terms = (c * math.pow(result, power) for power, c in enumerate(coefficients))
        return abs(sum(terms)) <= (atol or 1e-4)

    compared = 0
    for arguments in task["inputs"]:
        try:
            expected = reference[entry](*copy.deepcopy(arguments))
        except Exception:
            continue
        compared += 1
        result = translated(*copy.deepcopy(arguments))
        if entry == "find_zero":
            right = is_zero(result, arguments[0])
        else:
            right = same(result, expected)
        assert right, f"{entry} of {arguments!r:.80} gave {result!r:.40}, expected {expected!r:.40}"
    assert compared, "the canonical solution fails on all inputs"
"""
"""Python that calls a translation and the canonical solution with copies of the same arguments."""


def fits(columns: Sequence[str], _chosen: Mapping[str, str]) -> bool:
    """Whether the columns (in lower case) are of this layout."""
    return set(REQUIRED) <= set(columns)


def read(file: PurePath, chosen: Mapping[str, str]) -> Solutions:
    """Read the programs of one file. Raises UsageError."""
    table = tables.read_named(file, REQUIRED, OPTIONAL, chosen)
    solutions = Solutions(files=[file])
    for index, row in enumerate(table.rows()):
        solutions.programs.append(_solution(row, table.where(index)))
    return solutions


def with_tests_of(programs: Sequence[Solution], strict: Sequence[Solution]) -> list[Solution]:
    """Return HumanEval-X's ``programs`` with EvalPlus's tests, and EvalPlus's other programs.

    ``strict`` are EvalPlus's programs. A program of a problem that EvalPlus lacks keeps its tests.
    """
    tests: dict[tuple[str, str], Tests | None] = {}
    for program in strict:
        tests[program.problem, program.language] = program.tests
    known = set()
    combined = []
    for program in programs:
        key = (program.problem, program.language)
        known.add(key)
        combined.append(replace(program, tests=tests.get(key, program.tests)))
    for program in strict:
        key = (program.problem, program.language)
        if key not in known:
            combined.append(program)
    return combined


def _solution(row: Mapping[str, object], where: str) -> Solution:
    prompt = code(row["prompt"], where)
    text = prompt + plain(row["canonical_solution"], where, "program")
    entry = plain(row["entry_point"], where, "entry_point")
    if not entry.isidentifier():
        raise UsageError(
            f"{where}: the entry_point is {entry!r} and must be the name of a function; mend the "
            "row"
        )
    inputs: list[object] = []
    for name in INPUTS:
        inputs += _inputs(row.get(name), where, name)
    after = _after(text, entry, inputs, row.get("atol"), where)
    checks = Checks(before=before("python"), after=after)
    return Solution(
        problem=plain(row["task_id"], where, "task_id"),
        language="python",
        text=text,
        tests=checks if inputs else None,
    )


def _inputs(cell: object, where: str, name: str) -> list[object]:
    """Return the lists of arguments in a cell."""
    content = parsed(cell, where, f"{name}s") or []
    if not isinstance(content, list) or not all(isinstance(case, list) for case in content):
        raise UsageError(f"{where}: {name} must be a list of lists of arguments; mend the row")
    return content


def _after(solution: str, entry: str, inputs: Sequence[object], atol: object, where: str) -> str:
    """Return the code that compares a translation with the canonical solution."""
    try:
        tolerance = float(atol or 0)  # type: ignore[arg-type]  # TypeError is caught
        task = json.dumps(
            {"solution": solution, "entry": entry, "inputs": inputs, "atol": tolerance}
        )
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{where}: the inputs must be JSON and atol a number ({error}); mend the row"
        ) from error
    return f"{COMPARING}\n\ncheck_side_by_side({entry}, {task!r})\n"
