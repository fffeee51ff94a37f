"""Judging code by checks that are put around it, in its own language.

A program passes when it comes to its end, with exit code 0: a secret mark is printed there, which a
translation that leaves early does not reach. A check that fails is a wrong output, any other error
a runtime error; a translation that fails an assertion of its own is taken for the former. The
checks run in the translation's own process, so one made to cheat them can, other than for whole
programs or calls, which are compared out of its reach.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.tasks.translation.execution.building import NotBuilt, Sources, build
from greenbench.tasks.translation.execution.java_names import java_names
from greenbench.tasks.translation.execution.outcome import concluded, failure, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.data.program_tests import Checks
    from greenbench.sandbox import Ran
    from greenbench.tasks.translation.execution.building import Runner
    from greenbench.tasks.translation.execution.outcome import ProgramOutcome

_FAILED_CHECK = {
    "python": re.compile(r"^AssertionError\b", re.MULTILINE),
    "java": re.compile(
        r"^Exception in thread \"main\" java\.lang\.(?:AssertionError|Exception)\b", re.MULTILINE
    ),
    "c": re.compile(r"\bAssertion `?"),
    "cpp": re.compile(r"\bAssertion `?"),
    "go": re.compile(r"^\s*wrong: ", re.MULTILINE),
    "javascript": re.compile(r"^(?:Uncaught )?AssertionError\b", re.MULTILINE),
}
"""What a program says when a check fails."""


def judge_checks(language: str, program: str, tests: Checks, runner: Runner) -> ProgramOutcome:
    """Compile a program together with its checks, and run it."""
    mark = secrets.token_hex(16)
    sources = _WRITERS[language](program, tests, mark)
    built = build(language, sources, runner)
    if isinstance(built, NotBuilt):
        return refused(built)
    return _judge(language, built.run(), mark)


def _judge(language: str, ran: Ran, mark: str) -> ProgramOutcome:
    failed_check = _FAILED_CHECK[language]
    check = failed_check.search(ran.stderr) or failed_check.search(ran.stdout)
    if check and ran.end in {"exit", "signal"} and ran.exit_code != 0:
        line, _, _ = check.string[check.start() :].partition("\n")
        return concluded("wrong_output", line.strip(), ran)
    failed = failure(ran)
    if failed is not None:
        return failed
    if mark not in ran.stdout.split("\n"):
        return concluded("runtime_error", "the program left before its checks were over", ran)
    return concluded("passed", "", ran)


def _text(program: str, tests: Checks) -> str:
    return f"{tests.before}\n{program}\n{tests.after}\n"


def _python(program: str, tests: Checks, mark: str) -> Sources:
    end = f'import os\nos.write(1, b"\\n{mark}\\n")\n'
    return Sources(files={"Main.py": _text(program, tests) + end}, compiled=("Main.py",))


_JS_MD5 = (
    'module.exports = (text) => require("crypto").createHash("md5").update(text).digest("hex");\n'
)
"""What HumanEval-X uses of the package js-md5, which is not part of Node.js."""
_JS_THROWING_ASSERT = """\
console.assert = (holds, ...words) => {
    require("assert").ok(holds, words.join(" ") || "console.assert");
};
"""


def _javascript(program: str, tests: Checks, mark: str) -> Sources:
    """Make failing assertions throw: in Node.js they only print."""
    end = f';require("fs").writeSync(1, "\\n{mark}\\n");\n'
    files = {
        "Main.js": _JS_THROWING_ASSERT + _text(program, tests) + end,
        "node_modules/js-md5/index.js": _JS_MD5,
    }
    return Sources(files=files, compiled=("Main.js",))


_JAVA_END = """\
class OUTER {
    public static void main(String[] given) throws Throwable {
        CHECKS.main(given);
        System.out.println("\\nMARK");
    }
}
"""


def _java(program: str, tests: Checks, mark: str) -> Sources:
    """Start the checks' class from another one, which speaks after it."""
    names = java_names(tests.after)
    outer = f"Harness{mark}"
    # The program's own name comes last: it may contain the placeholders before it.
    end = _JAVA_END.replace("MARK", mark).replace("OUTER", outer).replace("CHECKS", names.entry)
    files = {names.file: _text(program, tests), f"{outer}.java": end}
    return Sources(files=files, compiled=tuple(files), entry=outer, checks=True)


_C_END = """\
#include <stdio.h>
#ifdef __cplusplus
extern "C" {
#endif
int __real_main(int count, char **given);
int __wrap_main(int count, char **given) {
    int code = __real_main(count, given);
    if (code == 0) puts("\\nMARK");
    return code;
}
#ifdef __cplusplus
}
#endif
"""
"""The linker calls this in place of main (``--wrap=main``).

So main keeps its own rules, such as that it need not return.
"""


def _c(program: str, tests: Checks, mark: str) -> Sources:
    return _with_second_file(program, tests, ("Main.c", "mark.c"), _C_END, mark)


def _cpp(program: str, tests: Checks, mark: str) -> Sources:
    return _with_second_file(program, tests, ("Main.cpp", "mark.cpp"), _C_END, mark)


def _with_second_file(
    program: str, tests: Checks, names: tuple[str, str], end: str, mark: str
) -> Sources:
    """Return the program in the first file, and in the second what prints the mark at its end."""
    first, second = names
    files = {first: _text(program, tests), second: end.replace("MARK", mark)}
    return Sources(files=files, compiled=names, checks=True)


_GO_END = """\
package main
import ("fmt"; "os"; "testing")
func TestMain(m *testing.M) {
    code := m.Run()
    if code == 0 { fmt.Println("\\nMARK") }
    os.Exit(code)
}
"""
_GO_ASSERT = """\
package assert
import ("reflect"; "testing")
type Assertions struct { t *testing.T }
func New(t *testing.T) *Assertions { return &Assertions{t} }
func (a *Assertions) Equal(expected, found interface{}, _ ...interface{}) bool {
    a.t.Helper()
    same := reflect.DeepEqual(expected, found)
    if !same { a.t.Errorf("\\nwrong: %v, expected %v", found, expected) }
    return same
}
"""
"""What HumanEval-X uses of the package testify, which is not part of Go."""


def _go(program: str, tests: Checks, mark: str) -> Sources:
    names = ("Main_test.go", "mark_test.go")
    sources = _with_second_file(program, tests, names, _GO_END, mark)
    library = {"go/src/github.com/stretchr/testify/assert/assert.go": _GO_ASSERT}
    return replace(sources, files={**sources.files, **library})


_WRITERS: dict[str, Callable[[str, Checks, str], Sources]] = {
    "python": _python,
    "java": _java,
    "c": _c,
    "cpp": _cpp,
    "go": _go,
    "javascript": _javascript,
}
