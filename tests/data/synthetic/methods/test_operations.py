"""Operations mean what Java computes; where Java would throw or overflow they have no value."""

from __future__ import annotations

import math
from fractions import Fraction
from string import Formatter
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic.methods.operations import (
    LANGUAGES,
    LARGEST,
    OPERATIONS,
    Undefined,
    bounded,
    item,
    part,
    remainder,
    truncated,
)

INTS = st.integers(-LARGEST, LARGEST)
TEXTS = st.text("abxz019-AB", max_size=6)
ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("add", "subtract", "multiply", "max", "min", "divide", "remainder", "divides"),
        st.tuples(INTS, INTS),
    ),
    **dict.fromkeys(
        ("less", "at_most", "more", "at_least", "equal", "differ"), st.tuples(INTS, INTS)
    ),
    **dict.fromkeys(("halve", "wrap"), st.tuples(st.integers(0, LARGEST), st.integers(0, LARGEST))),
    **dict.fromkeys(("abs", "negate"), st.tuples(INTS)),
    **dict.fromkeys(("length", "empty", "upper", "lower"), st.tuples(TEXTS)),
    **dict.fromkeys(("same_text", "contains", "starts", "find", "join"), st.tuples(TEXTS, TEXTS)),
    **dict.fromkeys(("and", "or"), st.tuples(st.booleans(), st.booleans())),
    "not": st.tuples(st.booleans()),
    "size": st.tuples(st.lists(INTS)),
    "item": st.tuples(st.lists(INTS, max_size=6), st.integers(-8, 8)),
    "char_at": st.tuples(TEXTS, st.integers(-8, 8)),
    "part": st.tuples(TEXTS, st.integers(-2, 8), st.integers(-2, 8)),
    "rest": st.tuples(TEXTS, st.integers(-2, 8)),
    "join_number": st.tuples(TEXTS, INTS),
    "replace": st.tuples(TEXTS, TEXTS, TEXTS),
    "digit": st.tuples(st.sampled_from("abxz019-")),
    "choose": st.tuples(st.booleans(), INTS, INTS),
}


@given(INTS, INTS.filter(bool))
def test_division_truncates_and_the_remainder_has_the_sign_of_the_dividend(a: int, b: int) -> None:
    """The quotient drops its fraction; a == b * q + r with |r| < |b| and r of the sign of a."""
    quotient, rest = truncated(a, b), remainder(a, b)
    assert quotient == math.trunc(Fraction(a, b))
    assert a == b * quotient + rest
    assert abs(rest) < abs(b)
    assert rest == 0 or (rest < 0) == (a < 0)


@pytest.mark.parametrize(
    ("a", "b", "quotient", "rest"), [(-7, 2, -3, -1), (7, -2, -3, 1), (-7, -2, 3, -1), (7, 2, 3, 1)]
)
def test_division_by_hand(a: int, b: int, quotient: int, rest: int) -> None:
    """The values that the Java language specification gives its operators / and %."""
    assert (truncated(a, b), remainder(a, b)) == (quotient, rest)


@pytest.mark.parametrize("op", ["divide", "halve", "remainder", "wrap", "divides"])
def test_a_divisor_of_zero_has_no_value(op: str) -> None:
    """Java throws there."""
    with pytest.raises(Undefined):
        OPERATIONS[op].meaning(3, 0)


@pytest.mark.parametrize("value", [LARGEST, -LARGEST, 0])
def test_numbers_of_32_bits_stay(value: int) -> None:
    """The largest numbers are still numbers."""
    assert bounded(value) == value


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("add", (LARGEST, 1)),
        ("subtract", (-LARGEST, 2)),
        ("multiply", (2**16, 2**16)),
        ("negate", (-(2**31),)),
        ("divide", (-(2**31), -1)),
    ],
)
def test_what_leaves_32_bits_has_no_value(op: str, arguments: tuple[int, ...]) -> None:
    """Java would wrap around and Python would not: no test may hang on it."""
    with pytest.raises(Undefined):
        OPERATIONS[op].meaning(*arguments)


@given(st.lists(INTS, max_size=5), st.integers(-7, 7))
def test_an_index_outside_has_no_value(values: list[int], index: int) -> None:
    """A negative index does not count from the end, as Python's would."""
    if index in range(len(values)):
        assert item(values, index) == values[index]
    else:
        with pytest.raises(Undefined):
            item(values, index)


@given(TEXTS, st.integers(-2, 8), st.integers(-2, 8))
def test_a_substring_outside_has_no_value(text: str, start: int, stop: int) -> None:
    """Java's substring throws where Python's slice is merely shorter."""
    if 0 <= start <= stop <= len(text):
        assert part(text, start, stop) == "".join(text[i] for i in range(start, stop))
    else:
        with pytest.raises(Undefined):
            part(text, start, stop)


def test_every_operation_is_listed_here() -> None:
    """A new operation has to bring arguments for the property below."""
    assert set(ARGUMENTS) == set(OPERATIONS)


@pytest.mark.parametrize("op", OPERATIONS)
@settings(suppress_health_check=[HealthCheck.filter_too_much])  # many arguments have no value
@given(st.data())
def test_the_python_form_computes_the_meaning(op: str, data: st.DataObject) -> None:
    """Where an operation has a value, its Python form gives the same one, of the same type."""
    arguments = data.draw(ARGUMENTS[op])
    try:
        expected = OPERATIONS[op].meaning(*arguments)
    except Undefined:
        assume(False)  # noqa: FBT003  hypothesis's own way to say that this is no example
    form = OPERATIONS[op].python.template.format(*"xyz")
    found = eval(form, {"math": math}, dict(zip("xyz", arguments, strict=False)))
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_takes_as_many_arguments_in_each_language(op: str, language: str) -> None:
    """Forms use all arguments, and each has a slot that says when it needs parentheses."""
    form = getattr(OPERATIONS[op], language)
    used = {int(name) for _, name, _, _ in Formatter().parse(form.template) if name is not None}
    expected = {
        int(name)
        for _, name, _, _ in Formatter().parse(OPERATIONS[op].java.template)
        if name is not None
    }
    assert used == expected == set(range(len(used)))
    assert len(form.slots) >= len(used)
