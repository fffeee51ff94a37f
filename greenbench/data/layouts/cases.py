"""Tests of whole programs in a table's cell: a list of inputs and outputs, parsed or as JSON."""

from __future__ import annotations

import json

from greenbench.data.layouts.records import plain
from greenbench.data.program_tests import Stream, Streams
from greenbench.errors import UsageError

SHAPE = 'a list like [{"input": "1 2\\n", "output": "3\\n"}] is needed'


def streams(value: object, where: str) -> Streams | None:
    """Return the tests in one row's cell, None if it is empty.

    Raises UsageError if they are no list of inputs and outputs.
    """
    tests = parsed(value, where, "tests")
    if not tests:
        return None
    if not isinstance(tests, list):
        raise UsageError(f"{where}: the tests are a {type(tests).__name__}; {SHAPE}: mend the row")
    cases = [_case(test, f"{where}, test {number}") for number, test in enumerate(tests, 1)]
    return Streams(cases=tuple(cases))


def parsed(value: object, where: str, what: str) -> object:
    """Return the value of a cell, parsed if it is text. Raises UsageError if that is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        content: object = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where}: the {what} are no JSON ({error or 'nested too deeply'}); mend the row"
        ) from error
    return content


def _case(test: object, where: str) -> Stream:
    if not isinstance(test, dict) or "input" not in test or "output" not in test:
        raise UsageError(f"{where}: there is no input and output; {SHAPE}: mend the row")
    stdin = plain(test["input"], where, "input")
    stdout = plain(test["output"], where, "output")
    return Stream(stdin=stdin, stdout=stdout)
