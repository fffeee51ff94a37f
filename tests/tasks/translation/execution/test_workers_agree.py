"""Verdicts do not depend on whether programs share a long-lived worker or have a sandbox each."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from greenbench import sandbox
from greenbench.data.program_tests import Checks, Stream, Streams
from greenbench.tasks.translation import load
from greenbench.tasks.translation.execution import run_tests
from greenbench.tasks.translation.execution.run_tests import judge, judge_one

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is made of util-linux")

MUTATIONS = {
    "as it is": lambda text: text,
    "an operator is another": lambda text: text.replace("+", "-", 1).replace("<", ">", 1),
    "a bracket lacks": lambda text: text.replace(")", "", 1),
    "indented wrongly": lambda text: text.replace("    ", " ", 1),
    "raises": lambda text: text.replace("    return", "    raise ValueError('no')\n    return", 1),
    "returns another type": lambda text: re.sub(r"return (.+)", r"return (\1, None)", text),
    "returns a float": lambda text: re.sub(r"return (.+)", r"return float(\1)", text),
    "prints much": lambda text: text.replace("    return", "    print('x' * 10**6)\n    return", 1),
    "has another name": lambda text: text.replace("def ", "def another_", 1),
    "says odd things": lambda text: f"import sys\nsys.stderr.write('\\udc80'.__repr__())\n{text}",
    "nothing": lambda _text: "",
}
"""How a translation is changed; no outcome depends on the machine's load."""


@pytest.fixture(autouse=True)
def no_verdicts_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget all verdicts, so that every program is run."""
    if reason := run_tests.unavailable("python"):
        pytest.skip(reason)
    monkeypatch.setattr(run_tests, "_remembered", {})


def test_the_tiny_profiles_programs_and_broken_ones_get_the_same_verdicts() -> None:
    """Outcome, note and isolation of true and of mutated translations agree one by one."""
    pairs = load.load("generated", columns={}, sizes=(8, 8, 11), seed=0).test
    programs = []
    for pair, mutate in zip(pairs, MUTATIONS.values(), strict=True):
        programs.append((str(pair.target), pair.tests))
        programs.append((mutate(str(pair.target)), pair.tests))
    together = judge("python", programs)
    alone = [judge_one("python", text, tests) for text, tests in programs]
    assert together == alone
    assert {verdict.outcome for verdict in alone} == {
        "passed",
        "does_not_compile",
        "runtime_error",
        "wrong_output",
    }


def test_whole_programs_and_checks_get_the_same_verdicts() -> None:
    """So do programs that read and print, with packages, and those that hold their checks."""
    case = Streams(cases=(Stream(stdin="2\n", stdout="4\n"), Stream(stdin="5\n", stdout="10\n")))
    checks = Checks(after="assert f(2) == 4\n")
    programs = [
        ("print(2 * int(input()))", case),
        ("import numpy\nprint(int(numpy.int64(2) * int(input())))", case),
        ("print(4)", case),
        ("print(2 * int(input())", case),
        ("import sys\nsys.exit(3)", case),
        ("def f(a):\n    return 2 * a", checks),
        ("def f(a):\n    return 3 * a", checks),
        ("import os\nos._exit(0)", checks),
    ]
    together = judge("python", programs)
    assert together == [judge_one("python", text, tests) for text, tests in programs]
    assert [v.outcome for v in together].count("passed") == 3


def test_workers_are_used_and_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging starts no sandbox of its own for a program in Python, and loses no worker."""
    pools = []

    class Watched(sandbox.Workers):
        def __enter__(self):
            pools.append(self)
            return super().__enter__()

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a sandbox of its own")

    monkeypatch.setattr(sandbox, "Workers", Watched)
    monkeypatch.setattr("greenbench.sandbox.workers.run", refused)
    pairs = load.load("generated", columns={}, sizes=(8, 8, 8), seed=0).test
    verdicts = judge("python", [(str(p.target), p.tests) for p in pairs if p.tests])
    assert [v.outcome for v in verdicts] == ["passed"] * 8
    assert [pool.losses for pool in pools] == [[]]


def test_a_program_is_judged_once_in_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program on the same tests keeps its verdict; on other tests it is judged again."""
    judged = []
    judge_with = run_tests._judge_with

    def counted(*program):
        judged.append(program[2])
        return judge_with(*program)

    monkeypatch.setattr(run_tests, "_judge_with", counted)
    tests = Streams(cases=(Stream(stdin="", stdout="1\n"),))
    others = replace(tests, cases=(Stream(stdin="", stdout="2\n"),))
    first = judge("python", [("print(1)", tests), ("print(1)", tests), ("print(1)", others)])
    again = judge("python", [("print(1)", tests)])
    assert [v.outcome for v in (*first, *again)] == ["passed", "passed", "wrong_output", "passed"]
    assert len(judged) == 2


def test_a_timeout_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may have been its reason."""
    late = run_tests.ProgramOutcome(outcome="timeout")
    monkeypatch.setattr(run_tests, "_judge_with", lambda *_: late)
    tests = Streams(cases=(Stream(stdin="", stdout="1\n"),))
    assert judge("python", [("print(1)", tests)]) == [late]
    assert run_tests._remembered == {}
