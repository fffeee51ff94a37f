"""Outputs are equal word by word: whole numbers digit by digit, others within a millionth."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greenbench.tasks.translation.execution.outputs_equal import TOLERANCE, same, same_text

WORDS = st.lists(
    st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8), max_size=8
)
BLANKS = st.sampled_from([" ", "\n", "  ", " \n", "\t"])
FRACTIONS = st.floats(-1e6, 1e6).map(lambda x: f"{x:.9f}")


@given(words=WORDS, one=BLANKS, other=BLANKS)
def test_white_space_between_words_does_not_count(words: list[str], one: str, other: str) -> None:
    """Nor does it at the ends."""
    assert same_text(one.join(words) + one, other + other.join(words))


@given(
    words=WORDS,
    extra=st.text(st.characters(categories=("L",)), min_size=1, max_size=5),
    place=st.integers(0, 8),
)
def test_a_word_more_is_another_output(words: list[str], extra: str, place: int) -> None:
    """Wherever it stands."""
    assert not same_text(" ".join([*words[:place], extra, *words[place:]]), " ".join(words))


@given(expected=FRACTIONS, part=st.floats(-0.9, 0.9))
def test_numbers_within_a_millionth_are_the_same(expected: str, part: float) -> None:
    """Of the expected one, or of 1 where that is smaller."""
    value = float(expected)
    found = f"{value + part * TOLERANCE * max(1.0, abs(value)):.12f}"
    assert same_text(f"a {found} b", f"a {expected} b")


@given(expected=FRACTIONS, part=st.floats(1.1, 1e6), sign=st.sampled_from([1, -1]))
def test_numbers_further_apart_are_not(expected: str, part: float, sign: int) -> None:
    """Among other words no rounding makes them so."""
    value = float(expected)
    found = value + sign * part * TOLERANCE * max(1.0, abs(value))
    assert not same_text(f"a {found:.12f} b", f"a {expected} b")


@given(st.integers(), st.integers())
def test_whole_numbers_have_to_be_equal(one: int, other: int) -> None:
    """However long they are."""
    assume(one != other)
    assert not same_text(str(one), str(other))


@given(expected=st.integers(), offset=st.integers(-1, 1), exponent=st.booleans())
def test_a_float_is_no_whole_number(expected: int, offset: int, *, exponent: bool) -> None:
    """Where an integer is expected no float passes, be it close or equal."""
    found = f"{float(expected + offset):.1e}" if exponent else f"{expected + offset}.0"
    assert not same_text(found, str(expected))
    assert not same_text(f"[{found}, 1]", f"[{expected}, 1]")


@given(
    numbers=st.lists(FRACTIONS, min_size=1, max_size=5),
    part=st.floats(-0.9, 0.9),
    marks=st.sampled_from([("[", ",", "]"), ("(", ", ", ")"), ("x=", ";", ""), ("{1: ", ":", "}")]),
)
def test_numbers_of_a_list_are_compared_one_by_one(
    numbers: list[str], part: float, marks: tuple[str, str, str]
) -> None:
    """Brackets, commas, semicolons, colons and signs of equality may touch a number."""
    opening, between, closing = marks
    found = [f"{float(number) + part * TOLERANCE:.12f}" for number in numbers]
    expected = f"{opening}{between.join(numbers)}{closing}"
    assert same_text(f"{opening}{between.join(found)}{closing}", expected)
    assert not same_text(f"{opening}{between.join([*found[:-1], '1e9'])}{closing}", expected)


@pytest.mark.parametrize(
    ("found", "expected", "alike"),
    [
        ("1000000006.0", "1000000007", False),
        ("1000000007.0", "1000000007", False),
        ("5.0", "5", False),
        ("1e3", "1000", False),
        ("9007199254740993.0", "9007199254740993", False),
        ("9007199254740992", "9007199254740993", False),
        ("-0.0", "0", False),
        ("0.00000099", "0.0", True),
        ("0.0000011", "0.0", False),
        ("1.2.3", "1.20.3", False),
        ("12:30", "12:3", False),
        ("a,1.0", "a,1.0000001", True),
        ("NaN", "nan", True),
        ("inf", "Infinity", True),
        ("-inf", "Infinity", False),
        ("Nan", "nan", False),
        ("1e999", "1e998", False),
        ("3", "3.0", True),
        ("3", "3.4", False),
        ("1e3", "1000.0", True),
        ("0.333", "0.3333333333", False),
        ("0.333333", "0.3333333333", True),
        ("0.04", "0.0", False),
        ("x 0.333", "x 0.3333333333", False),
        ("nan", "nan", True),
        ("nan", "1.0", False),
        ("inf", "1e999", False),
        ("Yes", "yes", False),
        ("", "", True),
        ("", "0", False),
    ],
)
def test_edges(found: str, expected: str, *, alike: bool) -> None:
    """The rules where they meet."""
    assert same_text(found, expected) is alike


def test_values_of_calls_have_types() -> None:
    """``3.0`` and ``True`` are no ``int`` of Java, in lists neither."""
    assert same([1, [2]], [1, [2]])
    assert not any(same(found, 1) for found in (1.0, True, "1", None, [1]))
    assert not same([1, 2], [1])
    assert not same([1.0], [1])
    assert not same(9007199254740993.0, 9007199254740993)


@given(expected=st.floats(), part=st.floats(-0.9, 0.9))
def test_floats_that_calls_return_may_be_close(expected: float, part: float) -> None:
    """Within a millionth of the expected one or of 1; nan is nan, and infinite only infinite."""
    assert same([expected], [expected])
    if math.isfinite(expected):
        assume(abs(expected) < 1e300)
        assert same(expected + part * TOLERANCE * max(1.0, abs(expected)), expected)
        assert not same(expected + 1.1 * TOLERANCE * max(1.0, abs(expected)), expected)
        assert not same(math.inf, expected)
        assert not same(math.nan, expected)
