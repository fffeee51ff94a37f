"""The tasks: a data set, a model's kind and a score each. One literal table; a further task is one file and one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.tasks import pairs, references, translation, translation_scores, vulnerability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.types import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the rest of the house knows of a task."""

    name: str
    model: str
    """Which row of the models table it fine-tunes."""
    primary: tuple[str, ...]
    """The metric that stands in the table: the first one that has a value."""
    load: Callable[[Any], Any]
    """Returns train, valid and test examples with the facts about them, for a ``dataset.Dataset`` that says which."""
    judge: Callable[[Sequence[Any], Sequence[Any], Mapping[str, Mapping[str, float | None]]], Judged]
    """Scores outputs for test examples, beside what the references reach."""
    references: Callable[[Any], Mapping[str, Mapping[str, float | None]]]
    """Returns the scores of trivial predictors on the same test rows."""
    generated_sizes: tuple[int, int, int]
    """How many examples are generated for train, valid and test where a profile does not say."""
    data_doubts: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _facts: ()
    """Says, for the facts about the data, where no score on them should be believed."""
    directed: bool = False
    """Whether ``--green-direction`` is for it."""


TASKS = {
    "T1": Task(
        name="T1",
        model="M1",
        primary=translation_scores.PRIMARY,
        load=lambda asked: translation.load(
            asked.source,
            columns=asked.columns,
            sizes=asked.sizes,
            seed=asked.seed,
            direction=asked.direction,
            longest=asked.max_chars,
        ),
        judge=translation_scores.judge,
        references=translation_scores.references,
        generated_sizes=translation.GENERATED_SIZES,
        data_doubts=pairs.doubts,
        directed=True,
    ),
    "T2": Task(
        name="T2",
        model="M2",
        primary=(vulnerability.PRIMARY,),
        load=lambda asked: vulnerability.load(asked.source, columns=asked.columns, sizes=asked.sizes, seed=asked.seed),
        judge=vulnerability.judge,
        references=references.score_all,
        generated_sizes=vulnerability.GENERATED_SIZES,
    ),
}
