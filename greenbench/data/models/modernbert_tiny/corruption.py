"""Corruptions of unlabelled C functions whose detection is the self-supervised pretraining objective.

Does: exchange two parts of a function (statements, operands, comparison operators, names, arguments) and say which
characters moved. This is statement-order prediction in the spirit of ALBERT's sentence-order prediction
(arXiv 1909.11942) with ELECTRA's label per token (arXiv 2003.10555).
Does not: see whether a function is vulnerable; its labels come from its own exchange alone.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random

_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_CONDITION = re.compile(r"(?<=\()([^()\n;]+) && ([^()\n;]+)(?=\))")
_COMPARISON = re.compile(r"(?<= )[<>=!]=(?= )|(?<= )[<>](?= )")
_ARGUMENTS = re.compile(r'(?<=[(\s])("[^"\n]*"|\w[\w>-]*), ("[^"\n]*"|\w[\w>-]*)(?=[,)])')
_NAME = re.compile(r"\b[a-z]\w*\b")
_DECLARATION = re.compile(r"\s*(?:int|char|unsigned|size_t|struct \w+) \*?\w+(?: = \w+)?;$")

_COMMON = frozenset({"if", "for", "while", "return", "int", "puts", "printf", "fprintf", "stderr"})

Span = tuple[int, int]


class Corrupted(NamedTuple):
    """A function's text and the character ranges that were exchanged in it (empty if it was left alone)."""

    text: str
    moved: tuple[Span, ...]


def statements(text: str) -> list[Span]:
    """Return the ranges of the function's outermost statements, each with the white space before it."""
    blank = _STRING.sub(lambda found: "s" * len(found.group()), text)
    start = blank.index("{") + 1
    spans, parens, braces = [], 0, 0
    for place in range(start, blank.rindex("}")):
        mark = blank[place]
        parens += (mark == "(") - (mark == ")")
        braces += (mark == "{") - (mark == "}")
        if mark in ";}" and parens == braces == 0:
            spans.append((start, place + 1))
            start = place + 1
    return spans


def exchange(text: str, left: Span, right: Span) -> Corrupted:
    """Exchange two ranges of `text` that do not overlap, `left` first."""
    first, between, second = text[slice(*left)], text[left[1] : right[0]], text[slice(*right)]
    middle = left[0] + len(second) + len(between)
    changed = text[: left[0]] + second + between + first + text[right[1] :]
    return Corrupted(changed, ((left[0], left[0] + len(second)), (middle, middle + len(first))))


def _groups(rng: Random, text: str, pattern: re.Pattern[str]) -> tuple[Span, Span] | None:
    """Choose one match and return its two groups."""
    found = list(pattern.finditer(text))
    if not found:
        return None
    match = rng.choice(found)
    return match.span(1), match.span(2)


def _matches(rng: Random, text: str, pattern: re.Pattern[str]) -> tuple[Span, Span] | None:
    """Choose two matches with different text from the function's body."""
    found = list(pattern.finditer(text, text.index("{")))
    if len({match.group() for match in found}) < 2:  # noqa: PLR2004 - an exchange takes two
        return None
    left = rng.choice(found)
    right = rng.choice([match for match in found if match.group() != left.group()])
    return (
        (left.span(), right.span()) if left.start() < right.start() else (right.span(), left.span())
    )


def _order(rng: Random, text: str) -> tuple[Span, Span] | None:
    """Choose two statements that mention a common name and are neither declarations nor the last one."""
    movable = [span for span in statements(text)[:-1] if not _DECLARATION.match(text[slice(*span)])]
    names = {
        span: set(_NAME.findall(_STRING.sub("", text[slice(*span)]))) - _COMMON for span in movable
    }
    pairs = [pair for pair in combinations(movable, 2) if names[pair[0]] & names[pair[1]]]
    return rng.choice(pairs) if pairs else None


def corrupt(rng: Random, text: str) -> Corrupted:
    """Exchange two parts of a function: statements mostly, else smaller parts if it has them."""
    draw = rng.random()
    spans = None
    if draw < 0.3:  # noqa: PLR2004
        spans = _groups(rng, text, rng.choice((_CONDITION, _ARGUMENTS)))
    elif draw < 0.4:  # noqa: PLR2004
        spans = _matches(rng, text, rng.choice((_COMPARISON, _NAME)))
    spans = spans or _order(rng, text)
    return exchange(text, *spans) if spans else Corrupted(text, ())
