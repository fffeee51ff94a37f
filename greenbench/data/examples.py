"""The labelled text of a data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

LabelT = TypeVar("LabelT")
"""What is to be answered: a class, a number, a tag for each word, another text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleOf(Generic[LabelT]):
    """One text with what is to be answered."""

    text: str
    label: LabelT
    group: int | None = None
    """Its cluster of near-duplicates; None before clustering."""
    project: str | None = None
    time: float | None = None
    """Seconds since 1970."""
    side: str | None = None
    """The split that the data's authors put it into; None if they made none."""


AnyExample = ExampleOf[Any]


def relabelled(example: AnyExample, label: LabelT) -> ExampleOf[LabelT]:
    """Return the same text with another label."""
    relabelled: ExampleOf[LabelT] = replace(example, label=label)
    return relabelled


class Example(ExampleOf[int]):
    """One function with its label: 1 is vulnerable, 0 is not."""

    __slots__ = ()


ExampleT = TypeVar("ExampleT", bound=AnyExample)
"""A text with whatever is to be answered."""


def normalised(text: str) -> str:
    """Return ``text`` with each run of white space as one blank, and none at the ends."""
    return " ".join(text.split())
