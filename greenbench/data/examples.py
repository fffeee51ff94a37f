"""The labelled example of a classification data set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One function with its label: 1 is vulnerable, 0 is not."""

    text: str
    label: int
    group: int | None = None
    """Its cluster of near-duplicates; None before clustering."""
    project: str | None = None
    time: float | None = None
    """Seconds since 1970."""
    side: str | None = None
    """The split that the data's authors put it into; None if they made none."""


def normalised(text: str) -> str:
    """Return ``text`` with each run of white space as one blank, and none at the ends."""
    return " ".join(text.split())
