"""Spans of words that tags mark: ``B-X`` begins one of type X, ``I-X`` goes on with it.

An ``I-X`` that follows no X begins one too, as in the evaluation of CoNLL-2000 (Tjong Kim Sang and
Buchholz).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

OUTSIDE = "O"
"""The tag of a word in no span."""


class MarkedSpan(NamedTuple):
    """Words ``start`` to ``end``, the latter excluded, of one type."""

    start: int
    end: int
    type: str


def marks_spans(tags: Collection[str]) -> bool:
    """Whether all of a data set's tags are ``O`` or mark a span, and some do."""
    marking = [tag for tag in tags if tag != OUTSIDE]
    return bool(marking) and all(tag[:2] in {"B-", "I-"} for tag in marking)


def spans(tags: Sequence[str]) -> set[MarkedSpan]:
    """Return the spans of one text; an empty tag is that of a word without answer: outside."""
    found = set()
    begin = 0
    latest = ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        part, _, kind = tag.partition("-")
        inside = kind if part in {"B", "I"} else ""
        goes_on = part == "I" and inside == latest
        if goes_on:
            continue
        if latest:
            found.add(MarkedSpan(begin, place, latest))
        begin = place
        latest = inside
    return found


def counts(
    truth: Sequence[str], answers: Sequence[str], *, marking: bool
) -> tuple[int, int, int, int, int]:
    """Return a text's words, those tagged right, its spans, those marked, and those marked right.

    Without ``marking`` no tag marks a span.
    """
    right = 0
    for true, given in zip(truth, answers, strict=True):
        right += true == given
    actual = spans(truth) if marking else set()
    marked = spans(answers) if marking else set()
    hits = actual & marked
    return len(truth), right, len(actual), len(marked), len(hits)
