"""Judging code by checks that are set around it, in its own language.

A program passes when it comes to its end, with exit code 0: a secret mark is printed there, which a translation that leaves
early does not reach. A check that fails is a wrong output, any other error a runtime error; a translation that fails an
assertion of its own is taken for the former. The checks run in the translation's own process, so one that sets out to cheat
them can, other than where whole programs or calls are compared out of its reach.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from greenbench.tasks.translation.execution.building import NotBuilt, Sources, build
from greenbench.tasks.translation.execution.java_names import names
from greenbench.tasks.translation.execution.outcome import Verdict, failed, refused, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.data.program_tests import Checks
    from greenbench.sandbox import Ran
    from greenbench.tasks.translation.execution.building import Runner

_FAILED = {
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


def judge_checks(language: str, program: str, tests: Checks, runner: Runner) -> Verdict:
    """Compile a program together with its checks, and run it."""
    mark = secrets.token_hex(16)
    built = build(language, _WRITERS[language](program, tests, mark), runner)
    return refused(built) if isinstance(built, NotBuilt) else _judge(language, built.run(), mark)


def _judge(language: str, ran: Ran, mark: str) -> Verdict:
    told = _FAILED[language].search(ran.stderr) or _FAILED[language].search(ran.stdout)
    if told and ran.end in {"exit", "signal"} and ran.exit_code != 0:
        said = told.string[told.start() :].split("\n", 1)[0]
        return verdict("wrong_output", said.strip(), ran)
    if wrong := failed(ran):
        return wrong
    if mark not in ran.stdout.split("\n"):
        return verdict("runtime_error", "the program left before its checks were over", ran)
    return verdict("passed", "", ran)


def _text(program: str, tests: Checks) -> str:
    return f"{tests.before}\n{program}\n{tests.after}\n"


def _python(program: str, tests: Checks, mark: str) -> Sources:
    end = f'import os\nos.write(1, b"\\n{mark}\\n")\n'
    return Sources(files={"Main.py": _text(program, tests) + end}, compiled=("Main.py",))


_JS_MD5 = (
    'module.exports = (text) => require("crypto").createHash("md5").update(text).digest("hex");\n'
)
"""What HumanEval-X uses of the package js-md5, which is not part of Node.js."""


def _javascript(program: str, tests: Checks, mark: str) -> Sources:
    """Make failing assertions throw: in Node.js they only print."""
    throwing = 'console.assert = (holds, ...said) => { require("assert").ok(holds, said.join(" ") || "console.assert"); };\n'
    packages = {"node_modules/js-md5/index.js": _JS_MD5}
    end = f';require("fs").writeSync(1, "\\n{mark}\\n");\n'
    return Sources(
        files={"Main.js": throwing + _text(program, tests) + end} | packages, compiled=("Main.js",)
    )


def _java(program: str, tests: Checks, mark: str) -> Sources:
    """Start the checks' class from another one, which speaks after it."""
    found, outer = names(tests.after), f"Harness{mark}"
    end = f"class {outer} {{ public static void main(String[] given) throws Throwable {{ {found.entry}.main(given); "
    end += f'System.out.println("\\n{mark}"); }} }}\n'
    files = {found.file: _text(program, tests), f"{outer}.java": end}
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
"""The linker calls this in place of main (``--wrap=main``): main keeps its own rules, such as that it need not return."""


def _c(program: str, tests: Checks, mark: str) -> Sources:
    files = {"Main.c": _text(program, tests), "mark.c": _C_END.replace("MARK", mark)}
    return Sources(files=files, compiled=tuple(files), checks=True)


def _cpp(program: str, tests: Checks, mark: str) -> Sources:
    files = {"Main.cpp": _text(program, tests), "mark.cpp": _C_END.replace("MARK", mark)}
    return Sources(files=files, compiled=tuple(files), checks=True)


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
    files = {"Main_test.go": _text(program, tests), "mark_test.go": _GO_END.replace("MARK", mark)}
    library = {"go/src/github.com/stretchr/testify/assert/assert.go": _GO_ASSERT}
    return Sources(files=files | library, compiled=tuple(files), checks=True)


_WRITERS: dict[str, Callable[[str, Checks, str], Sources]] = {
    "python": _python,
    "java": _java,
    "c": _c,
    "cpp": _cpp,
    "go": _go,
    "javascript": _javascript,
}
