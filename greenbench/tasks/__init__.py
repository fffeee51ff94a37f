"""The tasks: a data set, a model's kind and a score each. One literal table; a further task is one file and one line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from greenbench.data import pairs
from greenbench.data.splits import Wanted
from greenbench.tasks.translation import dummies as translation_references
from greenbench.tasks.translation import load as translation
from greenbench.tasks.translation import scores as translation_scores
from greenbench.tasks.vulnerability import dummies as references
from greenbench.tasks.vulnerability import load as vulnerability
from greenbench.tasks.vulnerability import scores as vulnerability_scores

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
    judge: Callable[[Any, Sequence[Any], Sequence[Any], Any], Judged]
    """Scores, for the splits, outputs for the test examples; with those for the validation examples, and the rivals."""
    rivals: Callable[[Any], Any]
    """Lets trivial predictors answer the test examples of the splits, and scores them."""
    generated_sizes: tuple[int, int, int]
    """How many examples are generated for train, valid and test where a profile does not say."""
    data_doubts: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _facts: ()
    """Says, for the facts about the data, where no score on them should be believed."""
    directed: bool = False
    """Whether ``--green-direction`` is for it."""
    decides_on_valid: bool = False
    """Whether judging needs outputs for the validation examples too: a threshold is chosen by them."""
    classes: bool = False
    """Whether ``--green-split``, ``--green-balance`` and ``--green-prevalence`` are for it."""


TASKS = {
    "T1": Task(
        name="T1",
        model="M1",
        primary=translation_scores.PRIMARY,
        load=lambda asked: replace(
            translation.load(
                asked.source,
                columns=asked.columns,
                sizes=asked.sizes,
                seed=asked.seed,
                direction=asked.direction,
                longest=asked.max_chars,
            ),
            unsafe=asked.unsafe,
        ),
        judge=lambda splits, outputs, _deciding, rivals: translation_scores.judge(
            splits, outputs, rivals
        ),
        rivals=translation_references.rivals,
        generated_sizes=translation.GENERATED_SIZES,
        data_doubts=pairs.doubts,
        directed=True,
    ),
    "T2": Task(
        name="T2",
        model="M2",
        primary=(vulnerability_scores.PRIMARY,),
        load=lambda asked: vulnerability.load(
            asked.source,
            columns=asked.columns,
            wanted=Wanted(
                seed=asked.seed,
                sizes=asked.sizes,
                rule=asked.rule,
                undersample=asked.balance == "undersample",
                natural=asked.natural,
            ),
        ),
        judge=vulnerability_scores.judge,
        rivals=references.rivals,
        generated_sizes=vulnerability.GENERATED_SIZES,
        decides_on_valid=True,
        classes=True,
    ),
}
