"""The reference programs of public data pass their own tests in the sandbox.

What fails elsewhere is the translation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from greenbench.tasks.translation import load as translation
from greenbench.tasks.translation.execution import run_tests

DATA = Path(__file__).parents[4].parent / "shared/datasets"
AVATAR, HUMANEVAL_X = (
    DATA / "avatar_codenet/avatar.parquet",
    DATA / "humaneval_x/humaneval_x.parquet",
)
COUNT = 8
TWICE = """\
public class Twice {
    public static void main(String[] given) {
        System.out.println(2 * new java.util.Scanner(System.in).nextInt());
    }
}
"""


@pytest.mark.parametrize(
    ("data", "direction"),
    [
        pytest.param(AVATAR, "java:python", marks=pytest.mark.slow),
        pytest.param(AVATAR, "python:java", marks=pytest.mark.slow),
        (HUMANEVAL_X, "java:python"),
        pytest.param(HUMANEVAL_X, "python:java", marks=pytest.mark.slow),
        (HUMANEVAL_X, "python:javascript"),
        pytest.param(HUMANEVAL_X, "python:cpp", marks=pytest.mark.slow),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_references_pass(data: Path, direction: str) -> None:
    """The first of each."""
    if not data.exists():
        pytest.skip(f"{data.name} is not here")
    if reason := run_tests.unavailable(direction.split(":")[1]):
        pytest.skip(reason)
    pairs = translation.load(data, columns={}, sizes=None, seed=0, direction=direction).train[
        :COUNT
    ]
    verdicts = run_tests.judge(
        direction.split(":")[1], [(str(p.target), p.tests) for p in pairs if p.tests]
    )
    assert {
        p.problem: v for p, v in zip(pairs, verdicts, strict=True) if v.outcome != "passed"
    } == {}
    assert len(verdicts) == COUNT


@pytest.mark.parametrize(
    ("language", "program"),
    [
        (
            "c",
            (
                "#include <stdio.h>\n"
                'int main(void) { int a; scanf("%d", &a); printf("%d\\n", 2 * a); }\n'
            ),
        ),
        (
            "cpp",
            (
                "#include <cstdio>\n"
                'int main() { int a; std::scanf("%d", &a); std::printf("%d", 2 * a); }\n'
            ),
        ),
        (
            "cs",
            (
                "using System; class P { static void Main() { "
                "Console.WriteLine(2 * int.Parse(Console.ReadLine())); } }"
            ),
        ),
        (
            "go",
            (
                'package main\nimport "fmt"\n'
                "func main() { var a int; fmt.Scan(&a); fmt.Println(2 * a) }\n"
            ),
        ),
        ("javascript", "console.log(2 * Number(require('fs').readFileSync(0, 'utf8')))"),
        ("java", TWICE),
        ("python", "print(2 * int(input()))"),
    ],
)
def test_each_language_reads_computes_and_prints(language: str, program: str) -> None:
    """A right program passes, and what is no program does not compile."""
    from greenbench.data.program_tests import Stream, Streams

    if reason := run_tests.unavailable(language):
        pytest.skip(reason)
    tests = Streams(cases=(Stream(stdin="21\n", stdout="42"),))
    texts = (program, "no program in any language {")
    found = [run_tests.judge_one(language, text, tests).outcome for text in texts]
    assert found == ["passed", "does_not_compile"]


def test_a_program_is_wrong_where_another_output_is_expected() -> None:
    """Outputs are compared alike in all languages."""
    from greenbench.data.program_tests import Stream, Streams

    if reason := run_tests.unavailable("python"):
        pytest.skip(reason)
    tests = Streams(cases=(Stream(stdin="21\n", stdout="43"),))
    verdict = run_tests.judge_one("python", "print(2 * int(input()))", tests)
    assert verdict.outcome == "wrong_output"


@pytest.mark.parametrize(
    ("language", "program"),
    [
        ("c", "#include <stdlib.h>\nint main(void) { abort(); }\n"),
        ("cpp", '#include <stdexcept>\nint main() { throw std::runtime_error("no"); }\n'),
        ("cs", 'class P { static void Main() { throw new System.Exception("no"); } }'),
        ("go", 'package main\nfunc main() { panic("no") }\n'),
        ("javascript", "throw new Error('no')"),
        (
            "java",
            (
                "class P { public static void main(String[] given) { "
                "int[] none = {}; System.out.println(none[1]); } }"
            ),
        ),
        ("python", "print(42)\nraise SystemExit(3)"),
    ],
)
def test_each_language_fails_while_it_runs(language: str, program: str) -> None:
    """A crash, an exception and an exit code are runtime errors, whatever was printed before."""
    from greenbench.data.program_tests import Stream, Streams

    if reason := run_tests.unavailable(language):
        pytest.skip(reason)
    tests = Streams(cases=(Stream(stdin="", stdout="42"),))
    assert run_tests.judge_one(language, program, tests).outcome == "runtime_error"


STANDARDS = {
    "C++11, as contests once had it": (
        "cpp",
        (
            "#include <cstdio>\n"
            "int twice(int a) throw(int) { register int b = a; return 2 * b; }\n"
            'int main() { char line[9]; int a; gets(line); sscanf(line, "%d", &a);\n'
            '  printf("%d", twice(a)); }\n'
        ),
    ),
    "C++17": (
        "cpp",
        (
            "#include <cstdio>\n#include <optional>\n#include <utility>\n"
            'int main() { int a; scanf("%d", &a); auto [b, c] = std::pair{a, a};\n'
            '  if (std::optional<int> d = b + c; d) printf("%d", *d); }\n'
        ),
    ),
    "C++20": (
        "cpp",
        (
            "#include <compare>\n#include <concepts>\n#include <cstdio>\n"
            "template <std::integral T> T twice(T a) { return 2 * a; }\n"
            'int main() { int a; scanf("%d", &a); if ((a <=> 0) > 0) printf("%d", twice(a)); }\n'
        ),
    ),
    "C of before 1989": (
        "c",
        (
            "#include <stdio.h>\nextern int twice();\n"
            'main() { char line[9]; int a; gets(line); sscanf(line, "%d", &a);\n'
            '  printf("%d", twice(a)); return 0; }\nrestrict = 2;\n'
            "twice(a) int a; { return restrict * a; }\n"
        ),
    ),
    "C11": (
        "c",
        (
            '#include <stdio.h>\n_Static_assert(sizeof(int) == 4, "int");\n'
            'int main(void) { for (int a; scanf("%d", &a) == 1;) printf("%d", 2 * a); }\n'
        ),
    ),
}
"""Programs that double a number, each in an edition of its language that others refuse."""


@pytest.mark.parametrize("standard", STANDARDS)
def test_programs_of_every_standard_compile(standard: str) -> None:
    """Old and modern programs in C and C++ alike."""
    from greenbench.data.program_tests import Stream, Streams

    language, program = STANDARDS[standard]
    if reason := run_tests.unavailable(language):
        pytest.skip(reason)
    tests = Streams(cases=(Stream(stdin="21\n", stdout="42"),))
    assert run_tests.judge_one(language, program, tests).outcome == "passed"


def test_a_program_that_no_standard_takes_is_told_the_first_ones_error() -> None:
    """The note is the compiler's own, for the standard that is tried first."""
    from greenbench.data.program_tests import Stream, Streams

    if reason := run_tests.unavailable("cpp"):
        pytest.skip(reason)
    program = "#include <optional>\nstd::optional<int> a;\nint main() { return unknown; }\n"
    verdict = run_tests.judge_one("cpp", program, Streams(cases=(Stream(stdin="", stdout="1"),)))
    assert verdict.outcome == "does_not_compile"
    assert "‘unknown’ was not declared" in verdict.note


def test_python_prints_and_reads_integers_of_any_length() -> None:
    """Those of 5,000 digits too, on which Python of itself gives up."""
    from greenbench.data.program_tests import Stream, Streams

    digits = "7" * 5000
    tests = Streams(cases=(Stream(stdin=f"{digits}\n", stdout=digits),))
    assert run_tests.judge_one("python", "print(int(input()))\n", tests).outcome == "passed"


LEAVING = {
    "python": ("import os\nos._exit(0)\ndef f(): return 1\n", "assert f() == 1\n"),
    "java": (
        "class Solution { static { System.exit(0); } int f() { return 2; } }\n",
        (
            "public class Main { public static void main(String[] a) { "
            "if (new Solution().f() != 1) throw new Error(); } }"
        ),
    ),
    "javascript": ("process.exit(0)\nconst f = () => 2\n", "console.assert(f() === 1)\n"),
    "cpp": (
        "#include <cstdlib>\nstruct L { L() { _Exit(0); } } l;\nint f() { return 2; }\n",
        "#include <cassert>\nint main() { assert(f() == 1); }",
    ),
}


def test_numpy_can_be_imported_and_nothing_beside_it() -> None:
    """Solutions of contests use NumPy.

    What else is installed for greenbench is no business of theirs.
    """
    from greenbench.data.program_tests import Stream, Streams

    tests = Streams(cases=(Stream(stdin="3 4\n", stdout="5.0"),))
    right = "import numpy as np\nprint(np.linalg.norm(np.array(input().split(), float)))\n"
    assert run_tests.judge_one("python", right, tests).outcome == "passed"
    refused = run_tests.judge_one("python", "import torch\n" + right, tests)
    assert (refused.outcome, "No module named 'torch'" in refused.note) == ("runtime_error", True)


@pytest.mark.parametrize("language", LEAVING)
def test_leaving_before_the_checks_does_not_pass(language: str) -> None:
    """Exit code 0 alone proves nothing: a translation that leaves early has passed no check."""
    from greenbench.data.program_tests import Checks

    if reason := run_tests.unavailable(language):
        pytest.skip(reason)
    program, checks = LEAVING[language]
    verdict = run_tests.judge_one(language, program, Checks(after=checks))
    assert (verdict.outcome, verdict.note) == (
        "runtime_error",
        "the program left before its checks were over",
    )


def test_a_failing_assertion_of_javascript_counts() -> None:
    """In Node.js console.assert only prints; here it fails the program."""
    from greenbench.data.program_tests import Checks

    if reason := run_tests.unavailable("javascript"):
        pytest.skip(reason)
    checks = Checks(after="console.assert(f() === 1)\n")
    result = run_tests.judge_one("javascript", "const f = () => 2\n", checks)
    assert result.outcome == "wrong_output"
    assert run_tests.judge_one("javascript", "const f = () => 1\n", checks).outcome == "passed"
