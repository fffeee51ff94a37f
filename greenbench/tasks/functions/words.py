"""Test rows and predictions of a suite's functions in words, for a reader of results."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from greenbench.tasks.functions.rows import rows_of
from greenbench.types import MOST_ANSWERED, AnsweredRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from greenbench.protocols import Opaque

MOST_VALUES = 100
"""Shown of a row: an image has far more."""
OMITTED = "..."
TOGETHER = "scored together with the other rows"


def answered_rows(
    split: Opaque,
    predictions: Opaque,
    outcomes: Sequence[str],
    right: Sequence[bool] | None,
) -> tuple[AnsweredRow, ...]:
    """Return the first rows of the test split with what was predicted of them.

    What the true answer is, ``score`` alone knows: the row may hold it. ``outcomes`` say what each
    prediction scored; ``right`` is None if that makes none of them right or wrong.
    """
    answered = []
    pairs = zip(rows_of(split), rows_of(predictions), strict=False)
    first = islice(pairs, MOST_ANSWERED)
    for number, (row, prediction) in enumerate(first):
        outcome = TOGETHER
        if outcomes:
            outcome = outcomes[number]
        is_right = None
        if right is not None:
            is_right = right[number]
        source, output = in_words(row), in_words(prediction)
        words = AnsweredRow(
            row=number, source=source, expected="", output=output, outcome=outcome, right=is_right
        )
        answered.append(words)
    return tuple(answered)


def in_words(value: Opaque) -> str:
    """Return a value as a person reads it: numbers and texts plainly, of many the first ones."""
    if hasattr(value, "reshape"):  # an array, a tensor, or a number of either
        flat = value.reshape(-1)
        value = flat[: MOST_VALUES + 1].tolist()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return _joined(f"{key}: {in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return _joined(map(in_words, value))
    return str(value)


def _joined(parts: Iterable[str]) -> str:
    waiting: Iterator[str] = iter(parts)
    shown = list(islice(waiting, MOST_VALUES))
    if next(waiting, None) is not None:
        shown.append(OMITTED)
    return ", ".join(shown)
