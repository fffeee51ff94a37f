"""The lazy handle of a cell's data: loaded and split once a session, outside every window, the same for all variants."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.tasks import Task
    from greenbench.types import Judged

GENERATED = "generated"
RULE, BALANCE = "random", "none"
"""What holds where no option says how to split, and how to treat the rarer class."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Examples of one task, split by one seed."""

    task: Task
    source: str | Path
    columns: Mapping[str, str]
    sizes: tuple[int, int, int] | None
    seed: int
    direction: str | None = None
    """``SRC:DST``, for tasks that have one; None takes the data's."""
    unsafe: bool = False
    """Whether generated programs may be run where no sandbox can be had."""
    max_chars: int | None = None
    """Examples with more characters are left out, where the task knows how."""
    rule: str = RULE
    """How it is split, for tasks that can be told."""
    balance: str = BALANCE
    """How the rarer class is treated in training."""
    natural: float | None = None
    """Share of positive examples that the scores are to be weighted to."""

    @functools.cached_property
    def splits(self) -> Any:
        """Train, valid and test; raises UsageError or UnavailableError with what to do."""
        return self.task.load(self)

    @property
    def train(self) -> Sequence[Any]:
        """Training examples."""
        examples: Sequence[Any] = self.splits.train
        return examples

    @property
    def valid(self) -> Sequence[Any]:
        """Validation examples: never trained on, and never scored."""
        examples: Sequence[Any] = self.splits.valid
        return examples

    @property
    def test(self) -> Sequence[Any]:
        """Test examples."""
        examples: Sequence[Any] = self.splits.test
        return examples

    @property
    def deciding(self) -> Sequence[Any]:
        """Validation examples that the judging needs outputs for: none where a task chooses nothing by them."""
        return self.valid if self.task.decides_on_valid else ()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was asked for, source, checksum, sizes and what was removed."""
        balance = {"balance": self.balance} if self.task.classes else {}
        return {"asked": str(self.source), **balance, **self.splits.facts}

    def judge(self, outputs: Sequence[Any], deciding: Sequence[Any] = ()) -> Judged:
        """Score outputs for the test examples, and say where the score should not be believed.

        ``deciding`` are the outputs for the examples of that name.
        """
        judged = self.task.judge(self.splits, outputs, deciding, self.rivals)
        return replace(judged, doubts=(*judged.doubts, *self.task.data_doubts(self.facts)))

    @functools.cached_property
    def rivals(self) -> Any:
        """What trivial predictors answer to the same test examples, computed once."""
        return self.task.rivals(self.splits)
