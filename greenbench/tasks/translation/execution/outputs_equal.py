"""Whether a program returned or printed what it should.

What is printed is compared word by word, white space apart, line breaks included. What is expected
decides how. For a whole number the same digits are wanted: ``1000000006.0`` is not 1000000007 and
``5.0`` is not 5, since who prints a float where an integer is wanted has translated the type
wrongly. For a number with a fraction or an exponent, a number is the same that differs by at most a
millionth of it, or of 1 where that is smaller: judges of programming contests compare like that.
``nan`` and ``Infinity`` are the same as other languages' spellings of them. Any other word has to
be equal. A word such as ``[0.5,`` or ``x=0.5`` is compared part by part.

Pan et al. (ICSE 2024) compare texts, so that a blank counts. They round two numbers to the fewer of
their digits, so that 0.04 passes for ``0.0``, and take off the fraction of the expected number if a
program printed a whole one, so that 3 passes for 3.4; here neither passes.
"""

from __future__ import annotations

import math
import re

TOLERANCE = 1e-6
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_PARTS = re.compile(r"([\[\](){},;:=])")
"""Marks between the numbers of a list, a tuple or a pair of name and value."""
_SPECIAL_NUMBERS = {
    **dict.fromkeys(("nan", "-nan", "NaN"), "nan"),
    **dict.fromkeys(("inf", "+Inf", "Infinity"), "inf"),
    **dict.fromkeys(("-inf", "-Inf", "-Infinity"), "-inf"),
}
"""How C, C++, C#, Go, Java, JavaScript and Python print what is no finite number."""


def same(actual: object, expected: object) -> bool:
    """Whether two values are equal and of one type, items of lists too; floats may be close."""
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return False
        return all(map(same, actual, expected))
    if isinstance(expected, float) and isinstance(actual, float):
        return _is_close(actual, expected)
    return type(actual) is type(expected) and actual == expected


def same_text(actual: str, expected: str) -> bool:
    """Whether a program printed what it should, word by word, in whichever lines."""
    actual_words = actual.split()
    expected_words = expected.split()
    if len(actual_words) != len(expected_words):
        return False
    return all(map(_same_word, actual_words, expected_words))


def _same_word(actual: str, expected: str) -> bool:
    """Whether two words are equal, in each of their parts."""
    if actual == expected:
        return True
    actual_parts = _PARTS.split(actual)
    expected_parts = _PARTS.split(expected)
    if len(actual_parts) != len(expected_parts):
        return False
    return all(map(_same_part, actual_parts, expected_parts))


def _same_part(actual: str, expected: str) -> bool:
    """Whether two parts are equal, or numbers close to each other.

    What is expected decides: for a whole number the digits have to be equal.
    """
    if actual == expected:
        return True
    if expected in _SPECIAL_NUMBERS:
        return _SPECIAL_NUMBERS.get(actual) == _SPECIAL_NUMBERS[expected]
    if _WHOLE.fullmatch(expected):
        return False
    if not (_NUMBER.fullmatch(actual) and _NUMBER.fullmatch(expected)):
        return False
    one, other = float(actual), float(expected)
    # Beyond the largest float both would read as infinite, and so as the same.
    return math.isfinite(one) and math.isfinite(other) and _is_close(one, other)


def _is_close(actual: float, expected: float) -> bool:
    """Whether two floats differ by at most the tolerance; nan is close to nan."""
    if not (math.isfinite(actual) and math.isfinite(expected)):
        return actual == expected or (math.isnan(actual) and math.isnan(expected))
    return abs(actual - expected) <= TOLERANCE * max(1.0, abs(expected))
