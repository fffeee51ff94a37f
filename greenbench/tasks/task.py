"""What a task is to the rest of the code: a definition, whichever file it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from greenbench.tasks.request import RULE
from greenbench.types import TaskDefinition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.data.models.heads import Head
    from greenbench.options import OwnKnob
    from greenbench.protocols import ModelHandle, WarmingStages
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.request import DataRequest
    from greenbench.types import Cell, Judged, TaskSize

SplitsT = TypeVar("SplitsT")
"""Train, valid and test examples, with facts about them."""
OutputT = TypeVar("OutputT")
"""What a model answers to one example."""

CONTRACT = 1
"""Version of what this module promises to tasks of other packages."""


def _no_doubts(_facts: Mapping[str, object]) -> tuple[str, ...]:
    return ()


def _lacks_nothing(_knob: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskOf(Generic[SplitsT, OutputT]):
    """A data set, a kind of model and a score; two of them are the same only if they are one."""

    name: str
    """``T3``, as the tasks table calls it."""
    kind: str
    """``text-classification``, ``function``, ...: what the examples and the answers are."""
    origin: str = "greenbench"
    """What defines it: greenbench, a file of the suite (``tasks/T3.yaml``), or a package."""
    description: str = ""
    """What it does, in half a sentence that follows its name: ``finds vulnerable functions``."""
    scores: Mapping[str, bool]
    """Every score that it can give, and whether a higher value is better."""
    primary: tuple[str, ...]
    """The scores that may stand in the table: the first one that has a value does."""
    sizes: Mapping[str, TaskSize]
    """How big it is in each profile, by the profile's name."""
    head: Head | None = None
    """What its model carries behind its layers; None for a task without a checkpoint."""
    load: Callable[[DataRequest], SplitsT]
    """Returns the splits that a cell asks for."""
    judge: Callable[[SplitsT, Sequence[OutputT], Sequence[OutputT], DummyBaselines], Judged]
    """Scores outputs for the test examples, with those for the validation examples."""
    baselines: Callable[[SplitsT], DummyBaselines]
    """Lets dummy baselines answer the test examples, and scores them."""
    generated_sizes: tuple[int, int, int] = (600, 100, 200)
    """How many examples are generated for train, valid and test if a profile does not say."""
    data_doubts: Callable[[Mapping[str, Any]], tuple[str, ...]] = _no_doubts
    """Warns, given the facts about the data, that no score on them should be believed."""
    decides_on_valid: bool = False
    """Whether judging needs outputs for the validation examples too, to choose a threshold."""
    runs_programs: bool = False
    """Whether its judging mostly waits for processes of its own, so that it can run beside work."""
    rule: str | None = RULE
    """How its own data are split if no option says; None keeps what the names of files tell."""
    root: Path = Path()
    """The folder of the suite, from which the paths of its data start."""
    takes: tuple[str, ...] = ()
    """The options for it, of ``columns``, ``direction``, ``split``, ``balance``, ``prevalence``."""
    lacks: Callable[[str], str] = _lacks_nothing
    """Returns why it has no such knob (``data.batching``), and what would work; empty if it has."""
    own_knobs: tuple[OwnKnob, ...] = ()
    """The knobs that it declares itself (``greenbench.knobs``)."""
    stages: Callable[[Cell, TaskSize, Exception | None], WarmingStages] | None = None
    """Makes the stages of a cell, given why its warm-up failed, if it did; None for torch's."""
    model_handle: Callable[[], ModelHandle] | None = None
    """Makes the handle of its model, where that is no checkpoint."""
    learning_rate_for: Callable[[str, str], float] | None = None
    """Returns the learning rate in a profile of a model that takes the place of its own; None takes
    that of the profile ``full``, with its weight decay and warm-up."""
    torch: bool = True
    """Whether its stages need torch, which the session then imports."""
    extra: str = "suite"
    """The extra of greenbench whose packages it needs; empty for none."""
    contract: int = CONTRACT
    """The version of this contract that it was written for."""

    @property
    def definition(self) -> TaskDefinition:
        """What results files say of it."""
        return TaskDefinition(
            kind=self.kind,
            description=self.description,
            primary=self.primary,
            origin=self.origin,
        )


Task = TaskOf[Any, Any]
"""A task whatever its examples and outputs are."""
