"""Printed programs compute what the tree means, run as Python, JavaScript and Java."""

from __future__ import annotations

import ast
import itertools
import json
import math
import shutil
import subprocess
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic.methods.meaning import call
from greenbench.data.synthetic.methods.operations import Undefined
from greenbench.data.synthetic.methods.pairs import Case, Program, programs
from greenbench.data.synthetic.methods.printing import snake, write
from greenbench.data.synthetic.methods.tree import Expr, Method, Return, literal, variable

if TYPE_CHECKING:
    from pathlib import Path

NEGATIVE, A, B = literal(-3, "int"), variable("int", "a"), variable("int", "b")
FLAG, S = variable("boolean", "p"), variable("String", "s")
COMPARISONS = ("less", "at_most", "more", "at_least", "equal", "differ")
NUMBERS = ("add", "subtract", "multiply", "divide", "remainder", "max", "min", "halve", "wrap")
TWO_INTS, TWO_TRUTHS, TWO_TEXTS = ("int",) * 2, ("boolean",) * 2, ("String",) * 2
DRAWN: dict[str, dict[str, tuple[str, ...]]] = {
    "int": {
        **dict.fromkeys(NUMBERS, TWO_INTS),
        **dict.fromkeys(("negate", "abs"), ("int",)),
        "choose": ("boolean", "int", "int"),
        "length": ("String",),
        "find": TWO_TEXTS,
    },
    "boolean": {
        **dict.fromkeys((*COMPARISONS, "divides"), TWO_INTS),
        **dict.fromkeys(("and", "or", "equal", "differ"), TWO_TRUTHS),
        **dict.fromkeys(("same_text", "contains", "starts"), TWO_TEXTS),
        "not": ("boolean",),
        "choose": ("boolean", "boolean", "boolean"),
        "empty": ("String",),
    },
    "String": {
        **dict.fromkeys(("upper", "lower"), ("String",)),
        "join": TWO_TEXTS,
        "join_number": ("String", "int"),
        "rest": ("String", "int"),
        "part": ("String", "int", "int"),
        "replace": ("String", "String", "String"),
        "choose": ("boolean", "String", "String"),
    },
}
"""Type to the operations that give it, with the types they take."""


def wild(rng: Random, type_: str, depth: int) -> Expr:
    """Draw a deeply nested expression of all operations, also of such that methods never hold."""
    if depth == 0:
        leaves = {
            "int": (A, B, NEGATIVE, literal(2, "int")),
            "boolean": (FLAG, literal(False, "boolean")),  # noqa: FBT003
            "String": (S, literal("ab", "String"), literal("", "String")),
        }
        return rng.choice(leaves[type_])
    name, types = rng.choice([*DRAWN[type_].items()])
    args = tuple(wild(rng, one, depth - 1) for one in types)
    if name in {"halve", "wrap"}:
        args = tuple(Expr("abs", (arg,), "int") for arg in args)
    return Expr(name, args, type_)


def wild_programs(seed: int, count: int) -> list[Program]:
    """Make methods that return a deeply nested expression, with arguments that give it a value."""
    rng, made = Random(seed), []
    params = (("int", "a"), ("int", "b"), ("boolean", "p"), ("String", "s"))
    while len(made) < count:
        type_ = rng.choice(("int", "boolean", "boolean", "String"))
        method = Method("tried", params, type_, (Return(wild(rng, type_, rng.choice((2, 3, 4)))),))
        cases = []
        for _ in range(6):
            arguments = (
                rng.randint(-9, 9),
                rng.randint(-3, 3),
                rng.random() < 0.5,
                rng.choice(("", "ab", "xabz", "B-")),
            )
            try:
                cases.append(Case(arguments=arguments, expected=call(method, arguments)))
            except Undefined:
                continue
        if cases:
            made.append(Program(method=method, cases=tuple(cases)))
    return made


def sample(seed: int) -> list[Program]:
    """Give drawn programs and wild ones."""
    return [*itertools.islice(programs(seed), 65), *wild_programs(seed, 35)]


def expected(chosen: list[Program]) -> list[list[Any]]:
    """Return what the programs are to return, case by case."""
    return [[case.expected for case in program.cases] for program in chosen]


def explain(chosen: list[Program], results: list[list[Any]], language: str) -> str:
    """Return the first program that computes something else, with what it gave."""
    for program, values in zip(chosen, results, strict=True):
        for case, value in zip(program.cases, values, strict=True):
            if value != case.expected or type(value) is not type(case.expected):
                return f"{write(program.method, language)}{case} gave {value!r}"
    return ""


def run_python(program: Program) -> list[Any]:
    """Run a program's Python text in this process, on copies of its arguments."""
    space: dict[str, Any] = {"math": math}
    exec(compile(write(program.method, "python"), "translation.py", "exec"), space)
    function = space[snake(program.method.name)]
    return [
        function(*(list(a) if isinstance(a, list) else a for a in case.arguments))
        for case in program.cases
    ]


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_the_python_text_of_drawn_methods_computes_the_meaning(seed: int) -> None:
    """The values are equal and of the same types, on every case of every program."""
    chosen = [*itertools.islice(programs(seed), 10)]
    assert explain(chosen, [run_python(p) for p in chosen], "python") == ""


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@given(st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_the_python_text_of_nested_expressions_computes_the_meaning(seed: int) -> None:
    """However operations are nested, parentheses keep what is meant."""
    chosen = wild_programs(seed, 5)
    assert explain(chosen, [run_python(p) for p in chosen], "python") == ""


def test_python_imports_what_it_needs_and_no_more() -> None:
    """A text that uses math imports it, and stands alone."""
    seen = set()
    for program in itertools.islice(programs(2), 300):
        written = write(program.method, "python")
        tree = ast.parse(written)
        uses = any(isinstance(node, ast.Name) and node.id == "math" for node in ast.walk(tree))
        assert uses == written.startswith("import math\n")
        seen.add(uses)
    assert seen == {True, False}


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_javascript_text_computes_the_meaning() -> None:
    """One node process runs a hundred programs, each in a scope of its own."""
    chosen = sample(11)
    lines = ["const results = [];"]
    for program in chosen:
        calls = ", ".join(
            f"{program.method.name}({json.dumps(case.arguments)[1:-1]})" for case in program.cases
        )
        lines.append(f"{{\n{write(program.method, 'javascript')}results.push([{calls}]);\n}}")
    lines.append("console.log(JSON.stringify(results));")
    ran = subprocess.run(
        ["node", "-"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr[:2000]
    results = json.loads(ran.stdout)
    assert explain(chosen, results, "javascript") == ""
    assert results == expected(chosen)


JAVA = """public class Main {
static Object show(Object v) { return v instanceof String ? '"' + (String) v + '"' : v; }
static Object show(int[] v) { return java.util.Arrays.toString(v); }
%s
public static void main(String[] given) {
System.out.println("[");
%s
System.out.println("[]]");
}
}
"""


def java_literal(type_: str, value: Any) -> str:
    """Write an argument."""
    return f"new int[]{{{', '.join(map(str, value))}}}" if type_ == "int[]" else json.dumps(value)


@pytest.mark.skipif(
    shutil.which("javac") is None or shutil.which("java") is None, reason="no JDK on this machine"
)
def test_the_java_text_compiles_and_computes_the_meaning(tmp_path: Path) -> None:
    """One javac compiles a hundred programs as nested classes, and one java runs them."""
    chosen = sample(12)
    classes, calls = [], []
    for number, program in enumerate(chosen):
        types = [type_ for type_, _ in program.method.params]
        ask = [", ".join(map(java_literal, types, case.arguments)) for case in program.cases]
        shown = ' + ", " + '.join(f"show({program.method.name}({one}))" for one in ask)
        run = f'static void run() {{ System.out.println("[" + {shown} + "],"); }}'
        classes.append(f"static class P{number} {{\n{write(program.method, 'java')}{run}\n}}")
        calls.append(f"P{number}.run();")
    (tmp_path / "Main.java").write_text(JAVA % ("\n".join(classes), "\n".join(calls)))
    for command in (
        ["javac", "-J-XX:TieredStopAtLevel=1", "Main.java"],
        ["java", "-XX:TieredStopAtLevel=1", "Main"],
    ):
        ran = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert ran.returncode == 0, ran.stderr[:2000]
    results = json.loads(ran.stdout)[:-1]
    assert explain(chosen, results, "java") == ""
    assert results == expected(chosen)
