"""Judging a function by calling it: the harnesses that do so in Python and Java.

Expected outputs never enter the sandbox: the function is called with each case's arguments, what it
returns is printed, and the comparison is made here. Types count: ``3.0`` or ``True`` is no ``int``
of Java. Floats may differ by a millionth, integers by nothing.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from greenbench import sandbox
from greenbench.tasks.translation.execution.building import (
    Built,
    NotBuilt,
    Sources,
    build,
    complaint,
)
from greenbench.tasks.translation.execution.outcome import ProgramOutcome, concluded, refused
from greenbench.tasks.translation.execution.outputs_equal import same
from greenbench.tasks.translation.execution.toolchains import ISOLATED_PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.data.program_tests import Calls
    from greenbench.tasks.translation.execution.building import Runner
    from greenbench.tasks.translation.execution.outcome import Outcome


_LONGEST_INT = 4_000
"""Digits; Python reads integers of up to 4,300."""


def judge_calls(language: str, program: str, tests: Calls, runner: Runner) -> ProgramOutcome:
    """Call a function of ``program`` once a case, all in one run.

    The empty program is known to have no function.
    """
    if language == "python" and not program:
        return ProgramOutcome(outcome="runtime_error", note=f"KeyError: {tests.entry!r}")
    # Lines of the harness begin with the mark, whatever else the program prints.
    mark = secrets.token_hex(8)
    stdin = ""
    built: Built | NotBuilt
    if language == "python":
        built = _python(program, runner)
        stdin = _request(tests, mark)
    else:
        built = _java(program, tests, mark, runner)
    if isinstance(built, NotBuilt):
        return refused(built)
    ran = built.run(stdin)
    outcome, note = _outcome(ran, _messages(ran.stdout, mark), tests)
    return concluded(outcome, note, ran)


def _request(tests: Calls, mark: str) -> str:
    """Write what JSON would carry as a literal of Python, which takes no import to read."""
    calls = [case.arguments for case in tests.cases]
    request = {"mark": mark, "entry": tests.entry, "calls": calls}
    return ascii(json.loads(json.dumps(request)))


def _messages(stdout: str, mark: str) -> list[dict[str, object]]:
    """Return the harness's messages, without one that was cut off as the program was ended."""
    messages = []
    for line in stdout.split("\n"):
        if not line.startswith(mark):
            continue
        try:
            message = json.loads(line.removeprefix(mark), strict=False, parse_int=_parsed_int)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict):
            messages.append(message)
    return messages


def _parsed_int(digits: str) -> int | str:
    """Return an integer, or the digits of one that is too long for this process to read.

    No expected value is that long, so that the digits are never equal to it.
    """
    return int(digits) if len(digits) <= _LONGEST_INT else digits


def _outcome(
    ran: sandbox.Ran, messages: Sequence[Mapping[str, object]], tests: Calls
) -> tuple[Outcome, str]:
    """Return what came of the calls, with a note."""
    if any("compile" in message for message in messages):
        return "does_not_compile", str(messages[-1].get("compile"))
    if ran.end == "timeout":
        return "timeout", f"ended after {ran.seconds:.1f} s"
    for message in messages:
        if message.get("error") is not None:
            return "runtime_error", str(message["error"] or complaint(ran))
    answers = [message["value"] for message in messages if "value" in message]
    if len(answers) < len(tests.cases):
        return "runtime_error", complaint(ran)
    for case, answer in zip(tests.cases, answers, strict=False):
        if not same(answer, case.expected):
            call = f"{tests.entry}{case.arguments}"
            return "wrong_output", f"{call} gave {answer!r}, expected {case.expected!r}"
    return "passed", ""


_PYTHON_HARNESS = """\
import os, sys
sys.set_int_max_str_digits(0)
request = eval(sys.stdin.read(), {"nan": float("nan"), "inf": float("inf")})
def written(value):
    kind = type(value)
    if kind is int:
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is str and value.isascii() and value.isprintable():
        if '"' not in value and "\\\\" not in value:
            return '"' + value + '"'
    if kind is list and all(type(item) is int for item in value):
        return repr(value)
    import json
    return json.dumps(value, default=repr)
def say(name, value):
    line = '{"' + name + '": ' + written(value) + "}"
    sys.stdout.flush()
    os.write(1, ("\\n" + request["mark"] + line + "\\n").encode())
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
    for arguments in request["calls"]:
        value = space[request["entry"]](*arguments)
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
        boolean plain = value == null || value instanceof Number || value instanceof Boolean;
        return plain ? "" + value : quote("" + value);
    }}
    static String show(int[] value) {{
        return java.util.Arrays.toString(value);
    }}
    static String quote(String text) {{
        String escaped = text.replace("\\\\", "\\\\\\\\").replace("\\"", "\\\\\\"");
        return '"' + escaped.replace("\\n", "\\\\n") + '"';
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
    calls = []
    for case in tests.cases:
        call = f"{tests.entry}({_java_arguments(tests, case.arguments)})"
        calls.append(f'            say("value", show({call}));')
    text = _JAVA_HARNESS.format(mark=mark, calls="\n".join(calls), program=program)
    sources = Sources(files={"Main.java": text}, compiled=("Main.java",), entry="Main")
    return build("java", sources, runner)


def _java_arguments(tests: Calls, arguments: Sequence[object]) -> str:
    literals = []
    for type_, value in zip(tests.parameters, arguments, strict=True):
        literals.append(_java_literal(type_, value))
    return ", ".join(literals)


def _java_literal(type_: str, value: object) -> str:
    if type_ == "int[]" and isinstance(value, list | tuple):
        return f"new int[]{{{', '.join(map(str, value))}}}"
    return json.dumps(value)
