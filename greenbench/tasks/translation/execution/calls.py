"""Judging a function by calling it: the harnesses that do so in Python and Java.

Expected outputs never enter the sandbox: the function is called with each case's arguments, what it returns is printed, and
the comparison is made here. Types count: ``3.0`` or ``True`` is no ``int`` of Java.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from greenbench import sandbox
from greenbench.tasks.translation.execution.building import (
    Built,
    NotBuilt,
    Sources,
    build,
    complaint,
)
from greenbench.tasks.translation.execution.outcome import Verdict, refused, verdict
from greenbench.tasks.translation.execution.outputs_equal import same
from greenbench.tasks.translation.execution.toolchains import ISOLATED_PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.program_tests import Calls
    from greenbench.tasks.translation.execution.building import Runner
    from greenbench.tasks.translation.execution.outcome import Outcome


def judge_calls(language: str, program: str, tests: Calls, runner: Runner) -> Verdict:
    """Call a function of ``program`` once a case, all in one run; the empty program is known to have none."""
    if language == "python" and not program:
        return Verdict(outcome="runtime_error", note=f"KeyError: {tests.entry!r}")
    mark = secrets.token_hex(
        8
    )  # lines of the harness begin with it, whatever else the program prints
    built = (
        _python(program, runner) if language == "python" else _java(program, tests, mark, runner)
    )
    if isinstance(built, NotBuilt):
        return refused(built)
    asked = {"mark": mark, "entry": tests.entry, "calls": [case.arguments for case in tests.cases]}
    ran = built.run(_literal(asked) if language == "python" else "")
    said = [
        json.loads(line[len(mark) :], strict=False)
        for line in ran.stdout.split("\n")
        if _whole(line, mark)
    ]
    outcome, note = _outcome(ran, said, tests)
    return verdict(outcome, note, ran)


def _whole(line: str, mark: str) -> bool:
    """Whether a line is the harness's and was not cut off when the program was ended."""
    if not line.startswith(mark):
        return False
    try:
        return isinstance(json.loads(line[len(mark) :], strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _outcome(
    ran: sandbox.Ran, said: Sequence[Mapping[str, Any]], tests: Calls
) -> tuple[Outcome, str]:
    if any("compile" in line for line in said):
        return "does_not_compile", str(said[-1].get("compile"))
    if ran.end == "timeout":
        return "timeout", f"ended after {ran.seconds:.1f} s"
    answers = [line["value"] for line in said if "value" in line]
    failed = next((line["error"] for line in said if "error" in line), None)
    if failed is not None or len(answers) < len(tests.cases):
        return "runtime_error", str(failed or complaint(ran))
    for case, answer in zip(tests.cases, answers, strict=False):
        if not same(answer, case.expected):
            return (
                "wrong_output",
                f"{tests.entry}{case.arguments} gave {answer!r}, expected {case.expected!r}",
            )
    return "passed", ""


def _literal(request: Mapping[str, Any]) -> str:
    """Write what JSON would carry as a literal of Python, which takes no import to read."""
    return ascii(json.loads(json.dumps(request)))


_PYTHON_HARNESS = """\
import os, sys
asked = eval(sys.stdin.read(), {"nan": float("nan"), "inf": float("inf")})
def written(value):
    kind = type(value)
    if kind is int:
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is str and value.isascii() and value.isprintable() and '"' not in value and "\\\\" not in value:
        return '"' + value + '"'
    if kind is list and all(type(item) is int for item in value):
        return repr(value)
    import json
    return json.dumps(value, default=repr)
def say(name, value):
    line = '{"' + name + '": ' + written(value) + "}"
    sys.stdout.flush()
    os.write(1, ("\\n" + asked["mark"] + line + "\\n").encode())
with open("translation.py", encoding="utf-8") as file:
    text = file.read()
try:
    code = compile(text, "translation.py", "exec")
except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
    say("compile", f"{type(error).__name__}: {error}")
    sys.exit()
space = {"__name__": "translation"}
try:
    exec(code, space)
    for arguments in asked["calls"]:
        value = space[asked["entry"]](*arguments)
        say("value", repr(value) if isinstance(value, tuple) else value)
except BaseException as error:
    say("error", f"{type(error).__name__}: {error}")
"""


def _python(program: str, runner: Runner) -> Built:
    """Leave compiling to the harness; the sandbox's own limits are enough for one function."""
    files = {"translation.py": program, "harness.py": _PYTHON_HARNESS}
    return Built(
        command=(*ISOLATED_PYTHON, "harness.py"), files=files, limits=sandbox.LIMITS, runner=runner
    )


_JAVA_HARNESS = """\
public class Main {{
    static String show(Object value) {{
        return value == null || value instanceof Number || value instanceof Boolean ? "" + value : quote("" + value);
    }}
    static String show(int[] value) {{
        return java.util.Arrays.toString(value);
    }}
    static String quote(String text) {{
        return '"' + text.replace("\\\\", "\\\\\\\\").replace("\\"", "\\\\\\"").replace("\\n", "\\\\n") + '"';
    }}
    static void say(String name, String value) {{
        System.out.println("\\n{mark}{{\\"" + name + "\\": " + value + "}}");
    }}
    public static void main(String[] given) {{
        try {{
{calls}
        }} catch (Throwable error) {{
            say("error", quote(String.valueOf(error)));
        }}
    }}
{program}
}}
"""


def _java(program: str, tests: Calls, mark: str, runner: Runner) -> Built | NotBuilt:
    calls = [
        f'            say("value", show({tests.entry}({_java_arguments(tests, c.arguments)})));'
        for c in tests.cases
    ]
    text = _JAVA_HARNESS.format(mark=mark, calls="\n".join(calls), program=program)
    return build(
        "java",
        Sources(files={"Main.java": text}, compiled=("Main.java",), entry="Main"),
        runner,
    )


def _java_arguments(tests: Calls, arguments: Sequence[Any]) -> str:
    return ", ".join(
        _java_literal(type_, value)
        for type_, value in zip(tests.parameters, arguments, strict=True)
    )


def _java_literal(type_: str, value: Any) -> str:
    if type_ == "int[]":
        return f"new int[]{{{', '.join(map(str, value))}}}"
    return json.dumps(value)
