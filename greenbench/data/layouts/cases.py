"""Tests of whole programs as tables hold them: a list of what is read and what has to be printed, parsed or as JSON."""

from __future__ import annotations

import json
from typing import Any

from greenbench.data.layouts.records import plain
from greenbench.data.program_tests import Stream, Streams
from greenbench.errors import UsageError

SHAPE = 'a list like [{"input": "1 2\\n", "output": "3\\n"}] is needed'


def streams(value: object, where: str) -> Streams | None:
    """Return the tests in one row's cell, None where there are none. Raises UsageError where they cannot be understood."""
    found = parsed(value, where, "tests")
    if not found:
        return None
    if not isinstance(found, list):
        raise UsageError(f"{where}: the tests are a {type(found).__name__}; {SHAPE}: mend the row")
    return Streams(
        cases=tuple(_case(case, f"{where}, test {number}") for number, case in enumerate(found, 1))
    )


def parsed(value: object, where: str, what: str) -> Any:
    """Return what a cell holds, parsed where it is JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where}: the {what} are no JSON ({error or 'nested too deeply'}); mend the row"
        ) from error


def _case(case: object, where: str) -> Stream:
    if not (isinstance(case, dict) and {"input", "output"} <= set(case)):
        raise UsageError(f"{where}: there is no input and output; {SHAPE}: mend the row")
    return Stream(
        stdin=plain(case["input"], where, "input"), stdout=plain(case["output"], where, "output")
    )
