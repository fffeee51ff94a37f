"""Corruptions of unlabelled C functions, whose detection is a pretraining objective.

Does: exchange two parts of a function (statements, operands, comparison operators, names,
arguments) and report which characters moved. This is statement-order prediction in the spirit of
ALBERT's sentence-order prediction (arXiv 1909.11942) with ELECTRA's label per token
(arXiv 2003.10555).
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
    """A function's text and the character ranges that were exchanged in it, if any."""

    text: str
    moved: tuple[Span, ...]


def statements(text: str) -> list[Span]:
    """Return the ranges of the function's outermost statements, each with the space before it."""
    blank = _STRING.sub(lambda string: "s" * len(string.group()), text)
    start = blank.index("{") + 1
    spans = []
    depth = 0
    for place in range(start, blank.rindex("}")):
        mark = blank[place]
        if mark in "({":
            depth += 1
        elif mark in ")}":
            depth -= 1
        if mark in ";}" and depth == 0:
            spans.append((start, place + 1))
            start = place + 1
    return spans


def exchange(text: str, left: Span, right: Span) -> Corrupted:
    """Exchange two ranges of `text` that do not overlap, `left` first."""
    start, left_end = left
    right_start, end = right
    first = text[start:left_end]
    between = text[left_end:right_start]
    second = text[right_start:end]
    changed = text[:start] + second + between + first + text[end:]
    moved_second = (start, start + len(second))
    moved_first = (end - len(first), end)
    return Corrupted(changed, (moved_second, moved_first))


def _groups(rng: Random, text: str, pattern: re.Pattern[str]) -> tuple[Span, Span] | None:
    """Choose one match and return its two groups."""
    matches = list(pattern.finditer(text))
    if not matches:
        return None
    match = rng.choice(matches)
    return match.span(1), match.span(2)


def _matches(rng: Random, text: str, pattern: re.Pattern[str]) -> tuple[Span, Span] | None:
    """Choose two matches with different text from the function's body."""
    matches = list(pattern.finditer(text, text.index("{")))
    words = {match.group() for match in matches}
    if len(words) < 2:  # noqa: PLR2004 - an exchange takes two
        return None
    one = rng.choice(matches)
    other = rng.choice([match for match in matches if match.group() != one.group()])
    left, right = sorted((one.span(), other.span()))
    return left, right


def _order(rng: Random, text: str) -> tuple[Span, Span] | None:
    """Choose two statements that mention a common name.

    Neither is a declaration or the last statement.
    """
    names: dict[Span, set[str]] = {}
    for span in statements(text)[:-1]:
        statement = text[slice(*span)]
        if not _DECLARATION.match(statement):
            words = _NAME.findall(_STRING.sub("", statement))
            names[span] = set(words) - _COMMON
    pairs = []
    for left, right in combinations(names, 2):
        if names[left] & names[right]:
            pairs.append((left, right))
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
    if spans is None:
        return Corrupted(text, ())
    return exchange(text, *spans)
