"""Calls tell each kind of failure apart, types count, and expected outputs cannot be found."""

from __future__ import annotations

import hashlib
import secrets
import sys
from typing import Any

import pytest

from greenbench.data.program_tests import Calls
from greenbench.data.synthetic.methods.pairs import Case
from greenbench.errors import UnavailableError
from greenbench.tasks.translation.execution.run_tests import (
    FAILURES,
    ProgramOutcome,
    judge,
    judge_one,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of util-linux")


def asked(*cases: tuple[tuple[Any, ...], Any], **chosen: Any) -> Calls:
    """Write tests of a function ``f``, of an int if nothing else is said."""
    made = tuple(Case(arguments=arguments, expected=expected) for arguments, expected in cases)
    return Calls(**{"entry": "f", "parameters": ("int",), "cases": made, **chosen})


TWICE = asked(((1,), 2), ((2,), 4), ((-3,), -6))
RIGHT = "def f(a):\n    return 2 * a\n"
PYTHON = {
    "right": (RIGHT, "passed"),
    "right with helpers and text of its own": (
        "import math\ndef two():\n    return int(math.sqrt(4))\n" + RIGHT,
        "passed",
    ),
    "prints": (
        (
            "print('hello')\ndef f(a):\n    print({'value': 7}, flush=True)\n"
            "    print('no newline', end='')\n    return 2 * a"
        ),
        "passed",
    ),
    "prints answers of its own": (
        "import json\ndef f(a):\n    print('\\n' + json.dumps({'value': 2 * a}))\n    return 0",
        "wrong_output",
    ),
    "prints to stderr": (
        (
            "import sys\ndef f(a):\n    print('error: compilation failed', file=sys.stderr)\n"
            "    return 2 * a"
        ),
        "passed",
    ),
    "is no Python": ("static int f(int a) { return 2 * a; }", "does_not_compile"),
    "is cut off": ("def f(a):\n    return (2 * ", "does_not_compile"),
    "is indented wrongly": ("def f(a):\nreturn a", "does_not_compile"),
    "holds a zero byte": ("def f(a):\n    return 2 * a\0", "does_not_compile"),
    "is nested too deep": ("x = " + "(" * 5000 + ")" * 5000, "does_not_compile"),
    "is too deep to parse": ("x = " + "-" * 20_000 + "1", "does_not_compile"),
    "is empty": ("", "runtime_error"),
    "has another name": ("def g(a):\n    return 2 * a", "runtime_error"),
    "takes two": ("def f(a, b):\n    return 2 * a", "runtime_error"),
    "raises": ("def f(a):\n    return 1 // (a - a)", "runtime_error"),
    "raises at import": ("import there_is_no_such_module\n" + RIGHT, "runtime_error"),
    "raises on the last case": ("def f(a):\n    assert a > 0\n    return 2 * a", "runtime_error"),
    "leaves": ("import sys\ndef f(a):\n    sys.exit(0)", "runtime_error"),
    "leaves at once": ("import os\ndef f(a):\n    os._exit(0)", "runtime_error"),
    "kills itself": (
        "import os, signal\ndef f(a):\n    os.kill(os.getpid(), signal.SIGKILL)",
        "runtime_error",
    ),
    "recurses without end": ("def f(a):\n    return f(a)", "runtime_error"),
    "allocates 10 GB": ("def f(a):\n    return len(bytearray(10 << 30))", "runtime_error"),
    "forks without end": (
        "import os\ndef f(a):\n    while True:\n        os.fork()",
        "runtime_error",
    ),
    "prints without end": (
        "def f(a):\n    while True:\n        print('x' * 1000)",
        "runtime_error",
    ),
    "shuts its output": (
        "import os\ndef f(a):\n    os.close(1)\n    return 2 * a",
        "runtime_error",
    ),
    "returns what cannot be read": (
        (
            "import sys\ndef f(a):\n    sys.setrecursionlimit(10**5)\n"
            "    for _ in range(3000):\n        a = [a]\n    return a"
        ),
        "runtime_error",
    ),
    "is wrong": ("def f(a):\n    return a + a + (a < 0)", "wrong_output"),
    "returns nothing": ("def f(a):\n    2 * a", "wrong_output"),
    "returns a float": ("def f(a):\n    return 2.0 * a", "wrong_output"),
    "returns an integer of 5,000 digits": ("def f(a):\n    return 10**5000", "wrong_output"),
    "computes with 5,000 digits": (
        "def f(a):\n    return 2 * a + int('1' + '0' * 5000) - int(str(10**5000))",
        "passed",
    ),
    "returns an object": ("def f(a):\n    return object()", "wrong_output"),
    "returns a text": ("def f(a):\n    return str(2 * a)", "wrong_output"),
    "does not end": ("def f(a):\n    while True:\n        pass", "timeout"),
    "right again": (RIGHT, "passed"),
}
"""What a program does, its text, and what must come of it."""


@pytest.fixture(scope="module")
def python_verdicts() -> dict[str, ProgramOutcome]:
    """Judge all programs in one batch."""
    try:
        verdicts = judge("python", [(text, TWICE) for text, _ in PYTHON.values()])
    except UnavailableError as lacking:
        pytest.skip(str(lacking))
    return dict(zip(PYTHON, verdicts, strict=True))


@pytest.mark.parametrize("what", PYTHON)
def test_python_outcomes(python_verdicts: dict[str, ProgramOutcome], what: str) -> None:
    """Each program of the batch has its own outcome, whatever its neighbours do."""
    verdict = python_verdicts[what]
    assert verdict.outcome == PYTHON[what][1], verdict


def test_notes_say_what_went_wrong(python_verdicts: dict[str, ProgramOutcome]) -> None:
    """Failures carry one short line, programs that pass none, and all say how they were shut in."""
    notes = {what: verdict.note for what, verdict in python_verdicts.items()}
    assert notes["right"] == ""
    assert notes["is cut off"].startswith("SyntaxError")
    assert notes["has another name"] == "KeyError: 'f'"
    assert notes["raises"].startswith("ZeroDivisionError")
    assert notes["allocates 10 GB"].startswith("MemoryError")
    assert notes["returns a float"] == "f(1,) gave 2.0, expected 2"
    assert notes["does not end"].startswith("ended after")
    assert all(len(note) <= 200 for note in notes.values())
    assert notes["is empty"] == "KeyError: 'f'"
    isolated = {what for what, verdict in python_verdicts.items() if verdict.isolation is not None}
    assert isolated == PYTHON.keys() - {"is empty"}  # there is nothing to run


def test_every_kind_of_failure_occurs_here(python_verdicts: dict[str, ProgramOutcome]) -> None:
    """The batch above leaves no outcome untried."""
    assert {v.outcome for v in python_verdicts.values()} == {"passed", *FAILURES}


@pytest.mark.parametrize(
    ("expected", "returned", "outcome"),
    [
        (1, "True", "wrong_output"),
        (True, "1", "wrong_output"),
        (True, "True", "passed"),
        (3, "3.0", "wrong_output"),
        ("ab", "'ab'", "passed"),
        ("ä\u2028\n", "'ä\\u2028\\n'", "passed"),
        ([1, 2], "[1, 2]", "passed"),
        ([1, 2], "[1, 2, 3]", "wrong_output"),
        ([1, 2], "[1]", "wrong_output"),
        ([1, 2], "[1, 2.0]", "wrong_output"),
        ([1], "[True]", "wrong_output"),
        ([], "''", "wrong_output"),
        (0, "float('nan')", "wrong_output"),
    ],
)
def test_types_count(
    expected: Any, returned: str, outcome: str, python_verdicts: dict[str, ProgramOutcome]
) -> None:
    """What equals in Python is not the same to Java.

    Truth is no number, and a whole fraction no int.
    """
    assert python_verdicts  # where nothing can be run, this is skipped too
    assert (
        judge_one("python", f"def f(a):\n    return {returned}", asked(((1,), expected))).outcome
        == outcome
    )


def test_a_case_does_not_see_what_another_did_to_its_argument(
    python_verdicts: dict[str, ProgramOutcome],
) -> None:
    """Arguments are given anew to each call."""
    assert python_verdicts
    text = "def f(xs):\n    xs.append(1)\n    return len(xs)"
    assert (
        judge_one("python", text, asked((([0],), 2), (([0],), 2), parameters=("int[]",))).outcome
        == "passed"
    )


SEARCH = """
import gc, hashlib, os, sys
def strings():
    frame = sys._getframe()
    while frame:
        yield repr(frame.f_locals) + repr(frame.f_globals)
        frame = frame.f_back
    for one in gc.get_objects():
        if isinstance(one, dict):
            yield from list(one.values())
    yield open("/proc/self/cmdline").read() + open("/proc/self/environ").read() + sys.stdin.read()
    for folder, _, names in os.walk("."):
        for name in names:
            yield open(os.path.join(folder, name), errors="replace").read()
def f(a):
    for text in map(str, strings()):
        for start in range(len(text)):
            word = text[start:start + 22]
            if word.startswith("secret") and hashlib.sha256(word.encode()).hexdigest() == DIGEST:
                return word
    return ""
"""


@pytest.mark.parametrize("visible", [True, False])
def test_expected_outputs_are_not_there_to_be_found(
    visible: bool,  # noqa: FBT001
    python_verdicts: dict[str, ProgramOutcome],
) -> None:
    """A program that searches frames, objects, files and pipes finds its arguments alone."""
    assert python_verdicts
    secret = "secret" + secrets.token_hex(8)
    program = f"DIGEST = {hashlib.sha256(secret.encode()).hexdigest()!r}\n{SEARCH}"
    verdict = judge_one(
        "python", program, asked(((secret if visible else "",), secret), parameters=("String",))
    )
    assert verdict.outcome == ("passed" if visible else "wrong_output"), verdict


def test_a_program_that_speaks_for_the_harness_gains_nothing(
    python_verdicts: dict[str, ProgramOutcome],
) -> None:
    """Even one that finds the harness's mark can only answer for itself.

    Junk under the mark is passed over.
    """
    assert python_verdicts
    steal = "import os, sys\ndef f(a):\n    mark = sys._getframe(1).f_globals['request']['mark']\n"
    for line, outcome in (
        ("5", "passed"),
        ("[1]", "passed"),
        ('{"val', "passed"),
        ('{"value": 9}', "wrong_output"),
    ):
        text = (
            f"{steal}    os.write(1, ('\\n' + mark + {line!r} + '\\n').encode())\n    return 2 * a"
        )
        assert judge_one("python", text, TWICE).outcome == outcome, line


# --- Java -----------------------------------------------------------------------------------------

JAVA = {
    "right": ("static int f(int a) { return 2 * a; }", "passed"),
    "prints": (
        (
            'static int f(int a) { System.out.print("x"); System.out.println("{\\"value\\": 7}"); '
            "return 2 * a; }"
        ),
        "passed",
    ),
    "has another name": ("static int g(int a) { return 2 * a; }", "does_not_compile"),
    "throws": ("static int f(int a) { return a / (a - a); }", "runtime_error"),
    "leaves": ("static int f(int a) { System.exit(0); return 2 * a; }", "runtime_error"),
    "allocates 10 GB": (
        "static int f(int a) { long[][] x = new long[10][1 << 27]; return 2 * a; }",
        "runtime_error",
    ),
    "is wrong": ("static int f(int a) { return 2 * Math.abs(a); }", "wrong_output"),
}
MORE_JAVA = {
    "returns a fraction": ("static double f(int a) { return 2 * a; }", "wrong_output"),
    "returns null": ("static String f(int a) { return null; }", "wrong_output"),
    "closes one brace too many": ("static int f(int a) { return 2 * a; } }", "does_not_compile"),
    "returns a character": ("static char f(int a) { return 'c'; }", "wrong_output"),
    "returns odd text": (
        'static String f(int a) { return "\\t\\r\\"\\\\\\u2028"; }',
        "wrong_output",
    ),
    "returns an array of texts": (
        'static String[] f(int a) { return new String[]{"a"}; }',
        "wrong_output",
    ),
}
"""What else may come of them; javac takes most of a second for each."""


@pytest.fixture(scope="module")
def java_verdicts(java: None) -> dict[str, ProgramOutcome]:  # noqa: ARG001
    """Judge all programs in one batch."""
    verdicts = judge("java", [(text, TWICE) for text, _ in JAVA.values()])
    return dict(zip(JAVA, verdicts, strict=True))


@pytest.mark.parametrize("what", JAVA)
def test_java_outcomes(java_verdicts: dict[str, ProgramOutcome], what: str) -> None:
    """Each program of the batch has its own outcome, as in Python.

    A missing method does not compile.
    """
    verdict = java_verdicts[what]
    assert verdict.outcome == JAVA[what][1], verdict


@pytest.mark.usefixtures("java")
def test_java_gets_and_gives_every_type() -> None:
    """Arguments and results of all types arrive as they are."""
    given = ('a"\\\né', [1, -2], True, -5)
    text = "static {type} f(String s, int[] xs, boolean p, int a) {{ return {value}; }}"
    ask = [
        ("String", "p && a == -5 ? s : null", given[0]),
        ("int[]", "xs", [1, -2]),
        ("boolean", "!p", False),
    ]
    types = ("String", "int[]", "boolean", "int")
    programs = [
        (text.format(type=type_, value=value), asked((given, expected), parameters=types))
        for type_, value, expected in ask
    ]
    assert [v.outcome for v in judge("java", programs)] == ["passed"] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_more_java_outcomes() -> None:
    """No value upsets the harness, which has to write it down, and no brace leaves the class."""
    verdicts = judge("java", [(text, TWICE) for text, _ in MORE_JAVA.values()])
    found = dict(zip(MORE_JAVA, (v.outcome for v in verdicts), strict=True))
    assert found == {what: outcome for what, (_, outcome) in MORE_JAVA.items()}


@pytest.mark.slow
@pytest.mark.usefixtures("java")
def test_java_that_does_not_end() -> None:
    """An endless loop in Java is a timeout, after its fifteen seconds."""
    assert (
        judge_one("java", "static int f(int a) { while (true) { a++; } }", TWICE).outcome
        == "timeout"
    )


def test_a_tuple_is_no_array() -> None:
    """Python's tuples look like arrays in JSON, and are none."""
    tests = asked(((), [1, 2]))
    assert (
        judge_one("python", f"def {tests.entry}():\n    return (1, 2)\n", tests).outcome
        == "wrong_output"
    )
    assert (
        judge_one("python", f"def {tests.entry}():\n    return [1, 2]\n", tests).outcome == "passed"
    )
