"""Whether a program said what it should: values of calls, and what whole programs print.

What is printed is compared as by Pan et al. (ICSE 2024): without white space around it, texts have to be equal; and where all
of the output is one number with a fraction, on both sides, both are rounded to the fewer of the two numbers of digits.

Not as in the paper, and milder: white space between words is not compared, line breaks included; and two words are the same
where they are numbers, one of them with a fraction or an exponent, that differ by at most a millionth of the expected
one, or of 1. Judges of programming contests compare like that. Not as in the paper, and stricter: the paper takes off the
fraction of the expected number where a program printed a whole one, so that 3 passes for 3.4; here it does not.
"""

from __future__ import annotations

import math
import re
from typing import Any

TOLERANCE = 1e-6
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?[0-9]*\.([0-9]+)")


def same(found: Any, expected: Any) -> bool:
    """Whether two values are equal and of one type, items of lists too."""
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(map(same, found, expected))
        )
    return type(found) is type(expected) and found == expected


def same_text(found: str, expected: str) -> bool:
    """Whether a program printed what it should."""
    found, expected = found.strip(), expected.strip()
    return found == expected or _same_when_rounded(found, expected) or _same_words(found, expected)


def _same_words(found: str, expected: str) -> bool:
    """Whether both have the same words in the same order, however they are set in lines."""
    ours, theirs = found.split(), expected.split()
    return len(ours) == len(theirs) and all(map(_same_word, ours, theirs))


def _same_word(found: str, expected: str) -> bool:
    """Whether two words are equal, or numbers close to each other; whole ones have to be equal, and so has ``nan``."""
    if found == expected:
        return True
    if not (_NUMBER.fullmatch(found) and _NUMBER.fullmatch(expected)) or (
        _WHOLE.fullmatch(found) and _WHOLE.fullmatch(expected)
    ):
        return False
    a, b = float(found), float(expected)
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE * max(1.0, abs(b))


def _same_when_rounded(found: str, expected: str) -> bool:
    """Whether both are one number with a fraction, and equal with as many digits as the shorter one has."""
    ours, theirs = _FRACTION.fullmatch(found), _FRACTION.fullmatch(expected)
    if not (ours and theirs) or not (
        math.isfinite(float(found)) and math.isfinite(float(expected))
    ):
        return False
    digits = min(len(ours[1]), len(theirs[1]))
    return round(float(found), digits) == round(float(expected), digits)
