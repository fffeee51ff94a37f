"""Drawn methods depend on the seed alone, read variables in scope, and have loops that end."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic.methods import tree
from greenbench.data.synthetic.methods.drawing import draw_method
from greenbench.data.synthetic.methods.expressions import Scope, draw
from greenbench.data.synthetic.methods.operations import OPERATIONS
from greenbench.data.synthetic.methods.pairs import programs
from greenbench.data.synthetic.methods.tree import Expr, Method, Statement, literal, variable

if TYPE_CHECKING:
    from collections.abc import Iterator

SEEDS = st.integers(0, 10**9)


def inside(node: object) -> Iterator[Expr | Statement]:
    """Walk over a tree, the node itself included."""
    if isinstance(node, tuple):
        for one in node:
            yield from inside(one)
    elif isinstance(node, (Expr, Statement)):
        yield node
        for part in fields(node):
            if part.name != "value" or not isinstance(node, Expr):
                yield from inside(getattr(node, part.name))


def names(node: object) -> set[str]:
    """Return the names that a tree reads."""
    return {str(e.value) for e in inside(node) if isinstance(e, Expr) and e.op == "name"}


def written(body: tuple[Statement, ...]) -> set[str]:
    """Return the names that a body gives new values."""
    return {
        s.name
        for s in inside(body)
        if isinstance(s, (tree.Assign, tree.SetItem, tree.Declare, tree.NewArray))
    }


def methods(seed: int, count: int) -> list[Method]:
    """Draw some methods."""
    rng = Random(seed)
    return [draw_method(rng) for _ in range(count)]


def test_a_seed_gives_the_same_methods_in_another_process_with_another_hash_seed() -> None:
    """The methods depend on the seed alone, not on the process or PYTHONHASHSEED."""
    code = (
        "from hashlib import sha256; from itertools import islice; "
        "from greenbench.data.synthetic.methods.pairs import programs;"
        "print(sha256(repr(list(islice(programs(7), 60))).encode()).hexdigest())"
    )
    ran = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("0", "5")
    ]
    here = sha256(repr(list(itertools.islice(programs(7), 60))).encode()).hexdigest()
    assert {one.stdout.strip() for one in ran} == {here}


def test_seeds_decide() -> None:
    """A seed gives the same methods, another seed others; a longer draw starts with the shorter."""
    assert methods(3, 20) == methods(3, 40)[:20]
    assert methods(3, 20) != methods(4, 20)


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_loops_end_because_nothing_in_them_moves_their_bounds(seed: int) -> None:
    """No loop's body writes its variable or bounds; a while loop's last line nears its end."""
    (method,) = methods(seed, 1)
    for s in inside(method.body):
        match s:
            case tree.Count():
                assert (
                    not written(s.body) & {s.name, *names(s.stop), *names(s.start)}
                    or s.stop.op == "size"
                )
                assert s.name not in written(s.body)
            case tree.Each():
                assert not written(s.body) & {s.name, *names(s.over)}
            case tree.While():
                (left,) = names(s.condition)
                *before, last = s.body
                assert (last.name, last.value.op) == (left, "halve")
                assert left not in written(tuple(before))
                assert tree.Leave("continue") not in [*inside(tuple(before))]


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_variables_are_declared_once_and_before_they_are_read(seed: int) -> None:
    """No method reads a variable that is not in scope, or declares one that is."""
    (method,) = methods(seed, 1)

    def check(body: tuple[Statement, ...], scope: set[str]) -> None:
        scope = set(scope)
        for s in body:
            read = names(
                tuple(
                    getattr(s, part.name)
                    for part in fields(s)
                    if isinstance(getattr(s, part.name), Expr)
                )
            )
            assert read <= scope
            match s:
                case tree.Declare() | tree.NewArray():
                    assert s.name not in scope
                    scope.add(s.name)
                case tree.Assign() | tree.SetItem():
                    assert s.name in scope
                case tree.Count() | tree.Each():
                    assert s.name not in scope
                    check(s.body, scope | {s.name})
                case tree.If():
                    check(s.then, scope)
                    check(s.otherwise, scope)
                case tree.While():
                    check(s.body, scope)

    check(method.body, {name for _, name in method.params})
    assert len({name for _, name in method.params}) == len(method.params)
    assert isinstance(method.body[-1], tree.Return)
    assert method.body[-1].value.type == method.returns


def test_every_kind_of_statement_type_and_operation_is_drawn() -> None:
    """Some thousand methods hold each kind of statement, each type and each operation."""
    drawn = methods(0, 4000)
    seen = [*inside(tuple(s for m in drawn for s in m.body))]
    assert {type(s) for s in seen if not isinstance(s, Expr)} == set(tree.Statement.__args__)
    assert {e.op for e in seen if isinstance(e, Expr)} == {*OPERATIONS, "name", "literal"} - {
        "negate"
    }
    assert {m.returns for m in drawn} == {"int", "boolean", "String", "int[]"}
    assert {type_ for m in drawn for type_, _ in m.params} == {"int", "boolean", "String", "int[]"}
    assert {s.down for s in seen if isinstance(s, tree.Count)} == {True, False}


# --- expressions ----------------------------------------------------------------------------------

SCOPE = Scope(
    tuple(
        variable(type_, name)
        for type_, name in (
            ("int", "a"),
            ("boolean", "b"),
            ("char", "c"),
            ("String", "s"),
            ("int[]", "xs"),
        )
    )
)
NUMBERS, TEXTS, ARRAYS = {"int"}, {"String"}, {"int[]"}
TAKES = {
    **dict.fromkeys(
        ("length", "part", "rest", "empty", "upper", "lower", "char_at", "find", "replace"),
        TEXTS | NUMBERS,
    ),
    **dict.fromkeys(("join", "same_text", "contains", "starts"), TEXTS),
    **dict.fromkeys(("size", "item"), ARRAYS | NUMBERS),
    **dict.fromkeys(("and", "or", "not"), frozenset({"boolean"})),
    **dict.fromkeys(("equal", "differ"), NUMBERS | {"char"}),
    "join_number": TEXTS | NUMBERS,
    "choose": NUMBERS | {"boolean"},
    "digit": {"char"},
}


@given(SEEDS, st.sampled_from(["int", "boolean", "String", "char"]), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_an_expression_has_the_requested_type_and_uses_variables_in_scope(
    seed: int, type_: str, depth: int
) -> None:
    """Types fit at every place, and every variable is in scope."""
    expr = draw(Random(seed), SCOPE, type_, depth)
    assert expr.type == type_
    assert names(expr) <= {"a", "b", "c", "s", "xs"}
    for one in inside(expr):
        assert {arg.type for arg in one.args} <= TAKES.get(one.op, NUMBERS)


@pytest.mark.parametrize("type_", ["int", "boolean", "String"])
def test_an_empty_scope_gives_constants(type_: str) -> None:
    """Without variables an expression reads none."""
    rng = Random(0)
    assert not any(names(draw(rng, Scope(()), type_, 2)) for _ in range(300))


def test_a_preferred_operand_takes_part_mostly() -> None:
    """A loop's item is part of more than half of the numbers drawn around it."""
    rng, item = Random(0), variable("int", "v")
    assert sum("v" in names(draw(rng, SCOPE, "int", 1, prefer=item)) for _ in range(400)) > 200


def test_variables_can_be_added_and_hidden() -> None:
    """A hidden variable is gone from the scope; an added one is found by its type."""
    more = SCOPE.plus(variable("int", "z"))
    assert [e.value for e in more.of("int")] == ["a", "z"]
    assert [e.value for e in more.without(variable("int", "a")).of("int")] == ["z"]


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_divisors_are_constants_other_than_zero(seed: int) -> None:
    """No drawn method divides by zero; Python's own division is used on natural numbers only."""
    (method,) = methods(seed, 1)
    for e in inside(method.body):
        if isinstance(e, Expr) and e.op in {"divide", "halve", "remainder", "wrap", "divides"}:
            assert e.args[1] == literal(e.args[1].value, "int")
            assert e.args[1].value > 0
            assert e.args[0].natural or e.op not in {"halve", "wrap"}
