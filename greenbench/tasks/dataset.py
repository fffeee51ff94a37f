"""The lazy handle of a cell's data, the same for all variants.

They are loaded and split once a session, outside every measured window.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from greenbench.errors import UsageError
from greenbench.tasks.functions.splits import FunctionSplits
from greenbench.tasks.request import SCORED, DataRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.tasks import Task
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.types import Judged


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


def scored_on_valid(splits: SplitExamples, task: str) -> SplitExamples:
    """Return splits whose test examples are the validation examples, which also stay those.

    Raises UsageError if there are none.
    """
    if isinstance(splits, FunctionSplits):
        return splits.scored_on_valid(task)
    if not splits.valid:
        raise UsageError(
            f"--green-scored=valid: {task} has no validation rows; give it some, or score its test "
            "rows"
        )
    facts = {**splits.facts, SCORED: "valid"}
    changed: Any = splits
    scored: SplitExamples = replace(changed, test=splits.valid, facts=facts)
    return scored


@dataclass(frozen=True, kw_only=True)
class TaskDataset(DataRequest):
    """Examples of one task, split by one seed."""

    task: Task

    @property
    def written_source(self) -> str:
        """The source as it was written, and no path of this machine for a suite's own file."""
        return self.asked or str(self.source)

    @functools.cached_property
    def splits(self) -> SplitExamples:
        """Train, valid and test; raises UsageError or UnavailableError with what to do."""
        loaded = cast("SplitExamples", self.task.load(self))
        return loaded if self.scored == "test" else scored_on_valid(loaded, self.task.name)

    @property
    def train(self) -> Sequence[object]:
        """Training examples."""
        return self.splits.train

    @property
    def valid(self) -> Sequence[object]:
        """Validation examples: never trained on, and scored only in place of the test examples."""
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
        facts: dict[str, object] = {"asked": self.written_source}
        if "balance" in self.task.takes:
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
