"""The tasks: a data set, a kind of model and a score each.

A further task is one package and one entry of ``TASKS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from greenbench.data import pairs
from greenbench.data.models import heads
from greenbench.tasks.translation import dummies as translation_dummies
from greenbench.tasks.translation import load as translation_data
from greenbench.tasks.translation import scores as translation_scores
from greenbench.tasks.vulnerability import dummies as vulnerability_dummies
from greenbench.tasks.vulnerability import load as vulnerability_data
from greenbench.tasks.vulnerability import scores as vulnerability_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.data.models.heads import Head
    from greenbench.data.pairs import PairSplits
    from greenbench.data.splits import Splits
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.request import DataRequest
    from greenbench.types import Judged

SplitsT = TypeVar("SplitsT")
"""Train, valid and test examples, with facts about them."""
OutputT = TypeVar("OutputT")
"""What a model writes for one example."""


def _no_doubts(_facts: Mapping[str, object]) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOf(Generic[SplitsT, OutputT]):
    """What the rest of the code knows of a task."""

    name: str
    model: str
    """Which row of the models table it fine-tunes."""
    head: Head
    """What the model carries behind its layers."""
    primary: tuple[str, ...]
    """The metrics that may stand in the table: the first one that has a value does."""
    load: Callable[[DataRequest], SplitsT]
    """Returns the splits that a cell asks for."""
    judge: Callable[[SplitsT, Sequence[OutputT], Sequence[OutputT], DummyBaselines], Judged]
    """Scores outputs for the test examples, with those for the validation examples."""
    baselines: Callable[[SplitsT], DummyBaselines]
    """Lets dummy baselines answer the test examples, and scores them."""
    generated_sizes: tuple[int, int, int]
    """How many examples are generated for train, valid and test if a profile does not say."""
    data_doubts: Callable[[Mapping[str, Any]], tuple[str, ...]] = _no_doubts
    """Warns, given the facts about the data, that no score on them should be believed."""
    extra: str = "suite"
    """The extra of greenbench without which it cannot run; ``""`` if there is none."""
    directed: bool = False
    """Whether ``--green-direction`` is for it."""
    decides_on_valid: bool = False
    """Whether judging needs outputs for the validation examples too, to choose a threshold."""
    runs_programs: bool = False
    """Whether its judging mostly waits for processes of its own, so that it can run beside work."""
    classes: bool = False
    """Whether ``--green-split``, ``--green-balance`` and ``--green-prevalence`` are for it."""


Task = TaskOf[Any, Any]
"""A task whatever its examples and outputs are."""


def _judge_translations(
    splits: PairSplits,
    outputs: Sequence[str],
    _deciding: Sequence[str],
    baselines: DummyBaselines,
) -> Judged:
    return translation_scores.judge(splits, outputs, baselines)


TRANSLATION: TaskOf[PairSplits, str] = TaskOf(
    name="T1",
    model="M1",
    head=heads.CAUSAL_LM,
    primary=translation_scores.PRIMARY,
    load=translation_data.load_requested,
    judge=_judge_translations,
    baselines=translation_dummies.baselines,
    generated_sizes=translation_data.GENERATED_SIZES,
    data_doubts=pairs.doubts,
    directed=True,
    runs_programs=True,
)
VULNERABILITY: TaskOf[Splits, float] = TaskOf(
    name="T2",
    model="M2",
    head=heads.TWO_CLASSES,
    primary=(vulnerability_scores.PRIMARY,),
    load=vulnerability_data.load_requested,
    judge=vulnerability_scores.judge,
    baselines=vulnerability_dummies.baselines,
    generated_sizes=vulnerability_data.GENERATED_SIZES,
    data_doubts=vulnerability_data.doubts,
    decides_on_valid=True,
    classes=True,
)
TASKS: dict[str, Task] = {task.name: task for task in (TRANSLATION, VULNERABILITY)}
