"""Run translations on their tests, each in a sandbox, and say of each what came of it.

Expected outputs never enter the sandbox: the program is called with each case's arguments, what it returns is printed, and
the comparison is made here. Types count: ``3.0`` or ``True`` is no ``int`` of Java. Judging is no inference: it belongs
outside every measured window.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from greenbench import sandbox
from greenbench.errors import UnavailableError
from greenbench.tasks.programs.pairs import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Outcome = Literal["passed", "does_not_compile", "runtime_error", "wrong_output", "timeout"]
FAILURES: tuple[Outcome, ...] = ("does_not_compile", "runtime_error", "wrong_output", "timeout")
"""As Pan et al., "Lost in Translation" (ICSE 2024), sort unsuccessful translations."""


JDK = "a JDK of at least version 11 (for example Debian's openjdk-17-jdk-headless) would run the translations"
PROBES = {"python": "def probe():\n    return 1\n", "java": "static int probe() {\n    return 1;\n}\n"}
"""A right program in each language."""
MOST_AT_ONCE = 8
"""Programs that run side by side at most: a container may have fewer processors than it sees, and wall clocks run on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """What a translation has to do: the calls to make, and what they return."""

    __test__: ClassVar = False
    """No test of pytest's, whatever its name."""
    language: str
    entry: str
    """Name of the function to call."""
    parameters: tuple[str, ...]
    """Java types of its parameters."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of one translation."""

    outcome: Outcome
    note: str = ""
    """The first line of what went wrong."""
    isolation: sandbox.Isolation | None = None


def unavailable(language: str) -> str | None:
    """Say why programs in ``language`` cannot be run here, or None where they can: a right one is tried first."""
    if language not in RUNNERS:
        return f"programs in {language} are not run by this version"
    if language == "java" and not shutil.which("java"):
        return f"there is no Java on PATH; {JDK}"
    return _refused(language)


@functools.cache
def _refused(language: str) -> str | None:
    """Say why a program that is right does not pass here: a Java without compiler, or limits that cannot be set."""
    tests = Tests(language=language, entry="probe", parameters=(), cases=(Case(arguments=(), expected=1),))
    try:
        verdict = judge_one(PROBES[language], tests)
    except UnavailableError as error:
        return str(error)
    if verdict.outcome == "passed":
        return None
    remedy = f"; {JDK}" if language == "java" else ""
    return f"a right program in {language} does not pass here ({verdict.outcome}: {verdict.note}){remedy}"


def judge(programs: Iterable[tuple[str, Tests]]) -> list[Verdict]:
    """Run each program on its tests, as many at a time as this process has processors; the verdicts are in order."""
    with ThreadPoolExecutor(max_workers=min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)) as workers:
        return list(workers.map(lambda one: judge_one(*one), programs))


def judge_one(program: str, tests: Tests) -> Verdict:
    """Run one program on its tests."""
    mark = secrets.token_hex(8)  # lines of the harness begin with it, whatever else the program prints
    ran = RUNNERS[tests.language](program, tests, mark)
    said = [json.loads(line[len(mark) :], strict=False) for line in ran.stdout.split("\n") if _whole(line, mark)]
    outcome, note = _outcome(ran, said, tests)
    return Verdict(outcome=outcome, note=note[:200], isolation=ran.isolation)


def _whole(line: str, mark: str) -> bool:
    """Whether a line is the harness's and was not cut off when the program was ended."""
    if not line.startswith(mark):
        return False
    try:
        return isinstance(json.loads(line[len(mark) :], strict=False), dict)
    except (ValueError, RecursionError):
        return False


def _outcome(ran: sandbox.Ran, said: Sequence[Mapping[str, Any]], tests: Tests) -> tuple[Outcome, str]:
    if any("compile" in line for line in said):
        return "does_not_compile", str(said[-1]["compile"])
    if ran.end == "timeout":
        return "timeout", f"ended after {ran.seconds:.1f} s"
    answers = [line["value"] for line in said if "value" in line]
    failed = next((line["error"] for line in said if "error" in line), None)
    if failed is not None or len(answers) < len(tests.cases):
        return "runtime_error", str(failed or _last_line(ran.stderr) or f"ended by {ran.end}")
    for case, answer in zip(tests.cases, answers, strict=False):
        if not same(answer, case.expected):
            return "wrong_output", f"{tests.entry}{case.arguments} gave {answer!r}, expected {case.expected!r}"
    return "passed", ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def same(found: Any, expected: Any) -> bool:
    """Whether two values are equal and of one type, items of lists too."""
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


# --- Python -------------------------------------------------------------------------------------------------------------

PYTHON_HARNESS = """\
import json, os, sys
asked = json.load(sys.stdin)
def say(**line):
    sys.stdout.flush()
    os.write(1, ("\\n" + asked["mark"] + json.dumps(line, default=repr) + "\\n").encode())
with open("translation.py", encoding="utf-8") as file:
    text = file.read()
try:
    code = compile(text, "translation.py", "exec")
except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
    say(compile=f"{type(error).__name__}: {error}")
    sys.exit()
space = {"__name__": "translation"}
try:
    exec(code, space)
    for arguments in asked["calls"]:
        value = space[asked["entry"]](*arguments)
        say(value=repr(value) if isinstance(value, tuple) else value)
except BaseException as error:
    say(error=f"{type(error).__name__}: {error}")
"""


def _run_python(program: str, tests: Tests, mark: str) -> sandbox.Ran:
    asked = {"mark": mark, "entry": tests.entry, "calls": [c.arguments for c in tests.cases]}
    files = {"translation.py": program, "harness.py": PYTHON_HARNESS}
    return sandbox.run([_python(), "-I", "-S", "-B", "harness.py"], files=files, stdin=json.dumps(asked))


def _python() -> str:
    """Return the interpreter itself, not a virtual environment's link to it: nothing installed there is needed."""
    return str(Path(sys.executable).resolve())


# --- Java ---------------------------------------------------------------------------------------------------------------

JAVA_MEMORY = "256m"
JAVA_LIMITS = sandbox.Limits(memory_bytes=None, processes=128, cpu_seconds=20, wall_seconds=30)
"""A virtual machine reserves more address space than it uses, runs some thirty threads, and compiles the program first."""
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


def _run_java(program: str, tests: Tests, mark: str) -> sandbox.Ran:
    """Compile and run in one go (JEP 330); what the compiler says is the only line where it fails."""
    calls = [f'            say("value", show({tests.entry}({_java_arguments(tests, c.arguments)})));' for c in tests.cases]
    text = _JAVA_HARNESS.format(mark=mark, calls="\n".join(calls), program=program)
    command = [str(shutil.which("java")), f"-Xmx{JAVA_MEMORY}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "Main.java"]
    ran = sandbox.run(command, files={"Main.java": text}, limits=JAVA_LIMITS)
    if ran.end == "exit" and "error: compilation failed" in ran.stderr:
        return replace(ran, stdout=mark + json.dumps({"compile": ran.stderr.strip().splitlines()[0]}))
    return ran


def _java_arguments(tests: Tests, arguments: Sequence[Any]) -> str:
    return ", ".join(_java_literal(type_, value) for type_, value in zip(tests.parameters, arguments, strict=True))


def _java_literal(type_: str, value: Any) -> str:
    if type_ == "int[]":
        return f"new int[]{{{', '.join(map(str, value))}}}"
    return json.dumps(value)


RUNNERS: dict[str, Callable[[str, Tests, str], sandbox.Ran]] = {"python": _run_python, "java": _run_java}
"""Language to how a program in it is run on its tests."""
