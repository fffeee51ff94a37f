"""Whether a program returned or printed what it should.

What is printed is compared as by Pan et al. (ICSE 2024): without white space around it, texts have
to be equal; and if both outputs are one number with a fraction, both are rounded to the fewer of
the two numbers of digits.

Not as in the paper, and milder: white space between words is not compared, line breaks included;
and two words are the same if they are numbers, one of them with a fraction or an exponent, that
differ by at most a millionth of the expected one, or of 1. Judges of programming contests compare
like that. Not as in the paper, and stricter: the paper takes off the fraction of the expected
number if a program printed a whole one, so that 3 passes for 3.4; here it does not.
"""

from __future__ import annotations

import math
import re

TOLERANCE = 1e-6
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?[0-9]*\.([0-9]+)")


def same(actual: object, expected: object) -> bool:
    """Whether two values are equal and of one type, items of lists too."""
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return False
        return all(map(same, actual, expected))
    return type(actual) is type(expected) and actual == expected


def same_text(actual: str, expected: str) -> bool:
    """Whether a program printed what it should."""
    actual = actual.strip()
    expected = expected.strip()
    if actual == expected:
        return True
    return _same_when_rounded(actual, expected) or _same_words(actual, expected)


def _same_words(actual: str, expected: str) -> bool:
    """Whether both have the same words in the same order, in whichever lines."""
    actual_words = actual.split()
    expected_words = expected.split()
    if len(actual_words) != len(expected_words):
        return False
    return all(map(_same_word, actual_words, expected_words))


def _same_word(actual: str, expected: str) -> bool:
    """Whether two words are equal, or numbers close to each other.

    Whole numbers have to be equal, and so has ``nan``.
    """
    if actual == expected:
        return True
    if not (_NUMBER.fullmatch(actual) and _NUMBER.fullmatch(expected)):
        return False
    if _WHOLE.fullmatch(actual) and _WHOLE.fullmatch(expected):
        return False
    return _is_close(float(actual), float(expected))


def _is_close(actual: float, expected: float) -> bool:
    if not (math.isfinite(actual) and math.isfinite(expected)):
        return False
    return abs(actual - expected) <= TOLERANCE * max(1.0, abs(expected))


def _same_when_rounded(actual: str, expected: str) -> bool:
    """Whether both are a number with a fraction, and equal with the shorter one's digits."""
    actual_fraction = _FRACTION.fullmatch(actual)
    expected_fraction = _FRACTION.fullmatch(expected)
    if actual_fraction is None or expected_fraction is None:
        return False
    if not (math.isfinite(float(actual)) and math.isfinite(float(expected))):
        return False
    digits = min(len(actual_fraction[1]), len(expected_fraction[1]))
    return round(float(actual), digits) == round(float(expected), digits)
