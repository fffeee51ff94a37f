"""Outputs are equal word by word, numbers within a millionth, and nothing is milder than that."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("found", "expected", "alike"),
    [
        ("3", "3.0", True),
        ("3", "3.4", False),
        ("1e3", "1000.0", True),
        ("0.333", "0.3333333333", True),  # one number: as many digits as the shorter one has
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
