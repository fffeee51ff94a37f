"""The tasks: a data set, a model's kind and a score each. One literal table; a further task is one file and one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.tasks import references, vulnerability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the rest of the house knows of a task."""

    name: str
    model: str
    """Which row of the models table it fine-tunes."""
    primary: str
    """The metric that stands in the table."""
    load: Callable[..., Any]
    """Returns train, valid and test examples with the facts about them."""
    score: Callable[..., Any]
    """Returns metrics by name for labels and outputs."""
    doubts: Callable[[Any, Any, Mapping[str, Mapping[str, float | None]]], tuple[str, ...]]
    """Says, for labels, outputs and references, where a score should not be believed."""
    references: Callable[[Any], Mapping[str, Mapping[str, float | None]]]
    """Returns the scores of trivial predictors on the same test rows."""


TASKS = {
    "T2": Task(
        name="T2",
        model="M2",
        primary=vulnerability.PRIMARY,
        load=vulnerability.load,
        score=vulnerability.score,
        doubts=vulnerability.doubts,
        references=references.score_all,
    ),
}
