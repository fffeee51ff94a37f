"""The lazy handle of a cell's data: loaded and split once a session, outside every window, the same for all variants."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.settings import local_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.settings import Settings
    from greenbench.tasks import Task
    from greenbench.types import Metric, TaskSize


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Examples of one task, split by one seed."""

    task: Task
    source: str | Path
    columns: Mapping[str, str]
    sizes: tuple[int, int, int] | None
    seed: int

    @functools.cached_property
    def splits(self) -> Any:
        """Train, valid and test; raises UsageError or UnavailableError with what to do."""
        return self.task.load(self.source, columns=self.columns, sizes=self.sizes, seed=self.seed)

    @property
    def train(self) -> Sequence[Any]:
        """Training examples."""
        examples: Sequence[Any] = self.splits.train
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

    def score(self, outputs: Sequence[float]) -> Mapping[str, Metric]:
        """Score outputs for the test examples."""
        metrics: Mapping[str, Metric] = self.task.score([e.label for e in self.test], outputs)
        return metrics

    def references(self) -> Mapping[str, Mapping[str, float | None]]:
        """Scores of trivial predictors, computed once."""
        return self._references

    def doubts(self, outputs: Sequence[float]) -> tuple[str, ...]:
        """Say where the score of these outputs should not be believed."""
        return self.task.doubts([e.label for e in self.test], outputs, self.references())

    @functools.cached_property
    def _references(self) -> Mapping[str, Mapping[str, float | None]]:
        return self.task.references(self.splits)


@functools.cache
def _dataset(task: Task, source: str | Path, columns: tuple[tuple[str, str], ...], size: Any, seed: int) -> Dataset:
    return Dataset(task=task, source=source, columns=dict(columns), sizes=size, seed=seed)


def dataset(task: Task, size: TaskSize, settings: Settings) -> Dataset:
    """Return the handle for ``task`` as the settings have it; the same handle for the same data. Raises UsageError."""
    given = settings.data.get(task.name)
    columns = settings.columns.get(task.name, {})
    if columns and given is None:
        raise UsageError(
            f"--green-columns {task.name}=...: columns are named for data that --green-data {task.name}=PATH gives"
        )
    if given is not None:
        return _dataset(task, local_path(given), tuple(sorted(columns.items())), None, settings.seed)
    pinned = f"@{size.data_revision}" if size.data_revision else ""
    return _dataset(task, size.data + pinned, (), size.sizes, settings.seed)
