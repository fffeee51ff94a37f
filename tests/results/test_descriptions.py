"""What a field means is the text below it in the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from greenbench.options import InferenceOptions, knobs
from greenbench.results.descriptions import descriptions


@dataclass(frozen=True, slots=True)
class Described:
    """The class's own text is none of a field."""

    first: int
    """Two lines are
    one."""
    silent: int
    second: str = ""
    """Kept."""

    @property
    def derived(self) -> int:
        """Return what no file has."""
        return self.first


class Columns(NamedTuple):
    """A tuple has texts below its fields too."""

    only: str
    """Found."""


def test_each_text_belongs_to_the_field_above_it() -> None:
    """Fields without one are left out, and so are the texts of classes and properties."""
    assert descriptions(Described) == {"first": "Two lines are one.", "second": "Kept."}
    assert descriptions(Columns) == {"only": "Found."}


def test_every_knob_is_described() -> None:
    """The schema of results files has a description of each."""
    assert list(descriptions(InferenceOptions)) == list(knobs("inference"))
