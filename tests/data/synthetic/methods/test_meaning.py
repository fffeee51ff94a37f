"""What a generated method computes, on trees written by hand and on drawn ones."""

from __future__ import annotations

import contextlib
import itertools
import time
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic.methods import meaning
from greenbench.data.synthetic.methods.meaning import LONGEST, STEPS, call
from greenbench.data.synthetic.methods.operations import LARGEST, Undefined
from greenbench.data.synthetic.methods.pairs import draw_argument, stream
from greenbench.data.synthetic.methods.tree import (
    Assign,
    Count,
    Declare,
    Each,
    Expr,
    If,
    Leave,
    Method,
    NewArray,
    Return,
    SetItem,
    Statement,
    While,
    literal,
    variable,
)

A, R, K, XS, S, OUT = (
    variable(*one)
    for one in zip(("int", "int", "int", "int[]", "String", "int[]"), "ariXSo", strict=True)
)
TRUE, FALSE = literal(True, "boolean"), literal(False, "boolean")  # noqa: FBT003
TYPES = {"int": int, "boolean": bool, "String": str, "char": str, "int[]": list}


def n(value: int) -> Expr:
    """Write a number."""
    return literal(value, "int")


def op(name: str, *args: Expr, type_: str = "int") -> Expr:
    """Write an operation."""
    return Expr(name, args, type_)


def of_a(*body: Statement) -> Method:
    """Make a method of one int ``a``, whose variable ``r`` starts at 0 and is returned."""
    return Method("tried", (("int", "a"),), "int", (Declare("int", "r", n(0)), *body, Return(R)))


def adding(value: Expr, *more: Statement) -> tuple[Statement, ...]:
    """Write a loop's body that adds ``value`` to ``r``."""
    return (*more, Assign("r", value, "+"))


@pytest.mark.parametrize("down", [False, True])
def test_a_counting_loop_sees_start_to_stop_without_stop(down: bool) -> None:  # noqa: FBT001
    """Both ways of counting see the same numbers."""
    assert (
        call(of_a(Count("i", n(1), A, adding(op("multiply", K, K)), down=down)), [5])
        == 1 + 4 + 9 + 16
    )


def test_counting_down_starts_at_the_last_number() -> None:
    """The first number of a loop that counts down is stop - 1."""
    body = (Assign("r", K), Leave("break"))
    assert [call(of_a(Count("i", n(0), A, body, down=down)), [5]) for down in (False, True)] == [
        0,
        4,
    ]


def test_break_leaves_and_continue_goes_on() -> None:
    """``break`` ends the loop, ``continue`` only the current pass."""
    at_three = op("equal", K, n(3), type_="boolean")
    found = [
        call(of_a(Count("i", n(0), A, adding(K, If(at_three, (Leave(word),))))), [6])
        for word in ("break", "continue")
    ]
    assert found == [0 + 1 + 2, 0 + 1 + 2 + 4 + 5]


def test_a_return_inside_a_loop_ends_the_call() -> None:
    """Statements after it do not run."""
    assert (
        call(
            of_a(Count("i", n(0), n(9), (If(op("more", K, A, type_="boolean"), (Return(K),)),))),
            [4],
        )
        == 5
    )


def test_walking_over_text_and_arrays() -> None:
    """Each item is seen once, in order."""
    joined = (
        Declare("String", "r", literal("", "String")),
        Each("char", "c", S, (Assign("r", variable("char", "c"), "+"),)),
    )
    assert (
        call(Method("copied", (("String", "S"),), "String", (*joined, Return(R))), ["ab-a"])
        == "ab-a"
    )
    total = (Declare("int", "r", n(0)), Each("int", "i", XS, adding(K)))
    assert call(Method("summed", (("int[]", "X"),), "int", (*total, Return(R))), [[3, -5, 9]]) == 7


def test_arguments_stay_as_they_are() -> None:
    """A method that writes to its array writes to a copy."""
    given_ = [1, 2]
    method = Method("put", (("int[]", "X"),), "int[]", (SetItem("X", n(0), n(7)), Return(XS)))
    assert (call(method, [given_]), given_) == ([7, 2], [1, 2])


@pytest.mark.parametrize(
    "condition",
    [
        op(
            "and",
            FALSE,
            op("equal", op("divide", n(1), n(0)), n(1), type_="boolean"),
            type_="boolean",
        ),
        op(
            "or",
            op("more", A, n(0), type_="boolean"),
            op("divides", n(1), n(0), type_="boolean"),
            type_="boolean",
        ),
    ],
)
def test_the_second_operand_is_looked_at_only_where_java_does(condition: Expr) -> None:
    """A division by zero behind a decided ``and`` or ``or`` does not happen."""
    assert isinstance(call(of_a(If(condition, adding(n(1)))), [1]), int)


def test_the_branch_not_taken_is_not_computed() -> None:
    """Neither branch of a choice is computed for the other."""
    for pick, branches in (
        (TRUE, (A, op("divide", n(1), n(0)))),
        (FALSE, (op("divide", n(1), n(0)), A)),
    ):
        assert call(of_a(Assign("r", op("choose", pick, *branches))), [6]) == 6


@pytest.mark.parametrize(
    "body",
    [
        (While(TRUE, adding(n(0))),),
        (Count("i", n(0), n(LARGEST), adding(n(0))),),
        (Count("i", n(0), n(100), (Count("r", n(0), n(100), adding(n(0))),)),),
        (Assign("r", n(LARGEST)), Assign("r", n(1), "+")),
        (Assign("r", n(-LARGEST)), Assign("r", n(2), "-")),
        (Assign("r", n(2**20)), Assign("r", n(2**20), "*")),
        (Assign("r", op("divide", n(1), n(0))),),
        (NewArray("o", n(3)), Assign("r", op("item", OUT, n(3)))),
        (NewArray("o", n(3)), Assign("r", op("item", OUT, n(-1)))),
        (NewArray("o", n(3)), SetItem("o", n(3), n(0))),
        (NewArray("o", n(-1)),),
        (NewArray("o", n(LONGEST + 1)),),
    ],
)
def test_what_java_would_not_finish_has_no_value(body: tuple[Statement, ...]) -> None:
    """Endless loops, overflow, bad indices and division by zero raise Undefined soon."""
    begun = time.process_time()
    with pytest.raises(Undefined):
        call(of_a(*body), [1])
    assert time.process_time() - begun < 2


def test_text_that_doubles_has_no_value() -> None:
    """Growth is stopped at LONGEST, long before it fills the memory."""
    double = Count("i", n(0), n(60), (Assign("r", op("join", R, R, type_="String")),))
    method = Method(
        "grown", (), "String", (Declare("String", "r", literal("x", "String")), double, Return(R))
    )
    with pytest.raises(Undefined):
        call(method, [])


def test_a_call_within_its_steps_has_a_value() -> None:
    """Loops of less than STEPS statements are not taken for endless ones."""
    assert call(of_a(Count("i", n(0), n(STEPS - 10), adding(n(1)))), [1]) == STEPS - 10


def test_a_method_without_return_is_refused() -> None:
    """Drawn methods always return; a tree that does not raises instead of giving None."""
    with pytest.raises(AssertionError, match="tried ends without a return"):
        call(Method("tried", (), "int", (Declare("int", "r", n(0)),)), [])


class Watching(meaning._Frame):
    """A call that compares what each expression claims of itself with the value it has."""

    def value(self, expr: Expr) -> Any:
        """Look at each value on the way."""
        value = super().value(expr)
        assert type(value) is TYPES[expr.type], expr
        if expr.type == "int":
            assert abs(value) <= LARGEST
            assert value >= 0 or not expr.natural, expr
        return value


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_drawn_methods_keep_to_types_and_bounds(seed: int) -> None:
    """Values keep their types, 32 bits and LONGEST; what is called natural is never negative."""
    rng = Random(seed)
    for method in itertools.islice(stream(seed), 10):
        for _ in range(4):
            state = Watching({name: draw_argument(rng, type_) for type_, name in method.params})
            try:
                state.run(method.body)
            except meaning._Returned as signal:
                returned = signal.value
            except Undefined:
                continue
            assert type(returned) is TYPES[method.returns]
            assert state.left >= 0
            assert all(
                len(v) <= LONGEST for v in state.variables.values() if isinstance(v, (str, list))
            )


@given(st.integers(0, 10**6), st.sampled_from([LARGEST, -LARGEST, 10**9, -(10**6)]))
@settings(max_examples=40, deadline=None)
def test_drawn_methods_end_soon_on_extreme_numbers(seed: int, extreme: int) -> None:
    """A call with an argument of two thousand million ends within the bound of steps."""
    for method in itertools.islice(stream(seed), 5):
        begun = time.process_time()
        arguments = [
            extreme if type_ == "int" else draw_argument(Random(seed), type_)
            for type_, _ in method.params
        ]
        with contextlib.suppress(Undefined):
            assert type(call(method, arguments)) is TYPES[method.returns]
        assert time.process_time() - begun < 1
