"""The lazy handle of a cell's data: loaded and split once a session, outside every window, the same for all variants."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.settings import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.settings import Settings
    from greenbench.tasks import Task
    from greenbench.types import Judged, TaskSize


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
    max_chars: int | None = None
    """Examples with more characters are left out, where the task knows how."""

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
    def facts(self) -> Mapping[str, Any]:
        """What was asked for, source, checksum, sizes and what was removed."""
        return {"asked": str(self.source), **self.splits.facts}

    def judge(self, outputs: Sequence[Any]) -> Judged:
        """Score outputs for the test examples, and say where the score should not be believed."""
        judged = self.task.judge(self.test, outputs, self.references())
        return replace(judged, doubts=(*judged.doubts, *self.task.data_doubts(self.facts)))

    def references(self) -> Mapping[str, Mapping[str, float | None]]:
        """Scores of trivial predictors, computed once."""
        return self._references

    @functools.cached_property
    def _references(self) -> Mapping[str, Mapping[str, float | None]]:
        return self.task.references(self.splits)


@functools.cache
def _dataset(columns: tuple[tuple[str, str], ...], **asked: Any) -> Dataset:
    return Dataset(columns=dict(columns), **asked)


def dataset(task: Task, size: TaskSize, settings: Settings) -> Dataset:
    """Return the handle for ``task`` as the settings have it; the same handle for the same data. Raises UsageError."""
    given = settings.data.get(task.name)
    columns = tuple(sorted(settings.columns.get(task.name, {}).items()))
    if columns and given is None:
        raise UsageError(
            f"--green-columns {task.name}=...: columns are named for data that --green-data {task.name}=PATH gives"
        )
    direction = settings.direction if task.directed else None
    common = {"task": task, "seed": settings.seed, "direction": direction}
    if given is not None:
        return _dataset(columns, source=local_path(given), sizes=size.local_sizes, max_chars=size.max_chars, **common)
    pinned = f"@{size.data_revision}" if size.data_revision else ""
    return _dataset((), source=size.data + pinned, sizes=size.sizes, max_chars=size.max_chars, **common)
