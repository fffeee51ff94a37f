"""The lazy handle of a cell's data, the same for all variants.

They are loaded and split once a session, outside every measured window.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.tasks import Task
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.types import Judged

GENERATED = "generated"
RULE, BALANCE = "random", "none"
"""How data are split, and how the rarer class is treated, if no option says."""


class SplitExamples(Protocol):
    """Train, valid and test examples of any task, and where they come from."""

    @property
    def train(self) -> Sequence[object]:
        """Training examples."""
        ...

    @property
    def valid(self) -> Sequence[object]:
        """Validation examples."""
        ...

    @property
    def test(self) -> Sequence[object]:
        """Test examples."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """Source, checksum, sizes and what was removed."""
        ...


@dataclass(frozen=True, kw_only=True)
class TaskDataset:
    """Examples of one task, split by one seed."""

    task: Task
    source: str | Path
    columns: Mapping[str, str]
    sizes: tuple[int, int, int] | None
    seed: int
    direction: str | None = None
    """``SRC:DST``, for tasks that have one; None takes the data's."""
    unsafe: bool = False
    """Whether generated programs may be run without a sandbox."""
    max_chars: int | None = None
    """Examples with more characters are left out, if the task can do that."""
    rule: str = RULE
    """How it is split, for tasks that have a choice."""
    balance: str = BALANCE
    """How the rarer class is treated in training."""
    natural: float | None = None
    """Share of positive examples that the scores are to be weighted to."""

    @functools.cached_property
    def splits(self) -> SplitExamples:
        """Train, valid and test; raises UsageError or UnavailableError with what to do."""
        return cast("SplitExamples", self.task.load(self))

    @property
    def train(self) -> Sequence[object]:
        """Training examples."""
        return self.splits.train

    @property
    def valid(self) -> Sequence[object]:
        """Validation examples: never trained on, and never scored."""
        return self.splits.valid

    @property
    def test(self) -> Sequence[object]:
        """Test examples."""
        return self.splits.test

    @property
    def deciding(self) -> Sequence[object]:
        """Validation examples that judging needs outputs for; none if a task chooses nothing."""
        return self.valid if self.task.decides_on_valid else ()

    @property
    def facts(self) -> Mapping[str, object]:
        """The requested source, the actual one, its checksum, sizes and what was removed."""
        facts: dict[str, object] = {"asked": str(self.source)}
        if self.task.classes:
            facts["balance"] = self.balance
        facts.update(self.splits.facts)
        return facts

    def judge(self, outputs: Sequence[object], deciding: Sequence[object] = ()) -> Judged:
        """Score outputs for the test examples, and warn if the score should not be believed.

        ``deciding`` are the outputs for the examples of that name.
        """
        judged = self.task.judge(self.splits, outputs, deciding, self.baselines)
        return replace(judged, doubts=(*judged.doubts, *self.task.data_doubts(self.facts)))

    @functools.cached_property
    def baselines(self) -> DummyBaselines:
        """What dummy baselines answer to the same test examples, computed once."""
        return self.task.baselines(self.splits)
