"""What a task's cells share: its size, data and model, resolved once from settings and profile."""

from __future__ import annotations

import functools
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from greenbench.data.models.checkpoints import REVISIONS, Checkpoint
from greenbench.data.places import local_path
from greenbench.errors import UsageError
from greenbench.experiment import profiles
from greenbench.results.forecast import ForecastKey
from greenbench.tasks.dataset import TaskDataset
from greenbench.tasks.request import BALANCE, GENERATED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Sized

    from greenbench.experiment.settings import Settings
    from greenbench.protocols import ModelHandle, WarmingStages
    from greenbench.stages.ranks.pool import Ranks
    from greenbench.tasks import Task
    from greenbench.types import Cell, Profile, TaskSize


@dataclass(frozen=True, kw_only=True)
class TaskInputs:
    """The inputs of one task's cells. The handles of data and model load nothing yet."""

    task: str
    size: TaskSize
    dataset: TaskDataset
    start: ModelHandle
    """The model; a checkpoint's head has 0 labels if only the data tell how many there are."""
    forecast_key: ForecastKey
    """What an earlier cell must share with these for its cost to forecast theirs."""

    @functools.cached_property
    def model(self) -> ModelHandle:
        """The model; the data are loaded if its head has as many labels as they have."""
        start = self.start
        if not isinstance(start, Checkpoint) or start.head.labels:
            return start
        labels = cast("Sized", self.dataset.facts["labels"])
        head = replace(start.head, labels=len(labels))
        return replace(start, head=head)


def task_inputs(task: Task, model_name: str, settings: Settings, profile: Profile) -> TaskInputs:
    """Resolve the inputs of ``task``, whose model is a row of the models table.

    Raises UsageError for options that do not fit the task.
    """
    size = task_size(task, model_name, settings, profile)
    handle = dataset(task, size, settings)
    model = _model(task, model_name, settings, size)
    host = platform.node()
    device = settings.device
    key = ForecastKey(
        host=host,
        device=None if device == "auto" else device,
        model=model.source,
        data=handle.written_source,
    )
    return TaskInputs(task=task.name, size=size, dataset=handle, start=model, forecast_key=key)


def task_size(task: Task, model_name: str, settings: Settings, profile: Profile) -> TaskSize:
    """Return how big ``task`` is in the profile, with what the settings change of it.

    A checkpoint of the user's is fine-tuned as a model of usual size is: the tiny profile's
    learning rate is tuned for its own start and would ruin such a model.
    """
    size = task.sizes[profile.name]
    if model_name in settings.model:
        size = _of_another_model(task, size, profile, settings.model[model_name])
    weighted = replace(size, class_weights=settings.balance.get(task.name) == "weights")
    return profiles.sized(weighted, settings.size.get(task.name, {}))


def _of_another_model(task: Task, size: TaskSize, profile: Profile, model: str) -> TaskSize:
    size = replace(size, parameters=None, vocabulary=None)
    if task.learning_rate_for is not None:
        rate = task.learning_rate_for(profile.name, model)
        return replace(size, learning_rate=rate)
    full = task.sizes["full"]
    return replace(
        size,
        learning_rate=full.learning_rate,
        weight_decay=full.weight_decay,
        warmup=full.warmup,
    )


def stages_of(
    task: Task,
    cell: Cell,
    size: TaskSize,
    ranks: Callable[[], Ranks],
    broken: Exception | None = None,
) -> WarmingStages:
    """Return the stages of ``cell``: the task's own, or torch's on ``ranks``.

    ``broken`` is the exception of a failed warm-up. Raises UsageError for options that contradict
    each other.
    """
    if task.stages is not None:
        return task.stages(cell, size, broken)
    from greenbench.stages.toggles import Toggles

    return Toggles(cell.options, size, ranks(), broken=broken)


def _model(task: Task, name: str, settings: Settings, size: TaskSize) -> ModelHandle:
    if task.model_handle is not None:
        return task.model_handle()
    if task.head is None:
        raise UsageError(f"{task.name} ({task.kind}) has no checkpoint; see {task.origin}")
    chosen = settings.model.get(name)
    if chosen is None:
        return Checkpoint(name, size.model, size.model_revision, head=task.head)
    return Checkpoint(name, chosen, REVISIONS.get(chosen), head=task.head)


def dataset(task: Task, size: TaskSize, settings: Settings) -> TaskDataset:
    """Return the handle for ``task`` as the settings have it; the same handle for the same data.

    Raises UsageError for options that do not fit the task.
    """
    _refuse_sizes(task, settings)
    local = settings.data.get(task.name)
    columns = settings.columns.get(task.name, {})
    if columns and local is None and not isinstance(size.data, Path):
        raise UsageError(
            f"--green-columns {task.name}=...: columns are named for data that "
            f"--green-data {task.name}=PATH gives"
        )
    source: object = size.data
    asked = ""
    sizes: tuple[int | None, ...] | None = size.sizes
    if local is not None:
        source, sizes = local_path(local), size.local_sizes
    elif isinstance(size.data, Path):
        written = size.data
        if written.is_relative_to(task.root):
            written = written.relative_to(task.root)
        asked = str(written)
    elif size.data == GENERATED:
        sizes = _filled(task, size.sizes)
    elif size.data_revision:
        source = f"{size.data}@{size.data_revision}"
    direction = settings.direction if "direction" in task.takes else None
    split = _split_options(task, settings)
    named = sorted(columns.items())
    return _handle(
        tuple(named),
        task=task,
        source=source,
        asked=asked,
        sizes=sizes,
        max_chars=size.max_chars,
        seed=settings.seed,
        direction=direction,
        unsafe=settings.unsafe_exec,
        scored=settings.scored,
        **split,
    )


def check_reuse(tasks: Sequence[Task], settings: Settings) -> None:
    """Raise UsageError for ``--green-reuse`` with tasks whose trainings cannot be kept."""
    for task in tasks:
        if settings.reuse and not task.torch:
            raise UsageError(
                f"--green-reuse: {task.name} trains by the suite's own functions, whose models "
                "greenbench does not know how to keep; leave it out, or these cells by -k"
            )


def _refuse_sizes(task: Task, settings: Settings) -> None:
    """Raise UsageError for what a task that writes nothing, or one of functions, has no use for."""
    if task.torch:
        writes = all(size.max_new_tokens for size in task.sizes.values())
        if "max_new_tokens" in settings.size.get(task.name, {}) and not writes:
            raise UsageError(
                f"--green-size {task.name}=max_new_tokens: {task.name} ({task.kind}) writes no "
                "text; leave it out"
            )
        return
    if task.name in settings.data:
        raise UsageError(
            f"--green-data {task.name}=...: load in {task.origin} gives the data; leave it out"
        )
    for number in settings.size.get(task.name, {}):
        if number not in profiles.SPLIT_NAMES:
            allowed = ", ".join(profiles.SPLIT_NAMES)
            raise UsageError(
                f"--green-size {task.name}={number}: the functions in {task.origin} know no such "
                f"number; they are told the rows of {allowed}"
            )


@functools.cache
def _handle(columns: tuple[tuple[str, str], ...], **options: Any) -> TaskDataset:
    return TaskDataset(columns=dict(columns), **options)


def _filled(
    task: Task, sizes: tuple[int | None, int | None, int | None] | None
) -> tuple[int, ...] | None:
    """Give a split that nobody sized the size that is generated by default."""
    if sizes is None:
        return None
    filled = []
    for size, default in zip(sizes, task.generated_sizes, strict=True):
        filled.append(default if size is None else size)
    return tuple(filled)


def _split_options(task: Task, settings: Settings) -> dict[str, Any]:
    """Return how the task's examples are divided and weighed.

    Raises UsageError for an option that the task does not take.
    """
    options: dict[str, Mapping[str, object]] = {}
    options["columns"] = settings.columns
    options["split"] = settings.split
    options["balance"] = settings.balance
    options["prevalence"] = settings.prevalence
    for name, by_task in options.items():
        if task.name in by_task and name not in task.takes:
            taken = ", ".join(task.takes) or "none of these"
            raise UsageError(
                f"--green-{name} {task.name}=...: {task.name} ({task.kind}) takes no such option; "
                f"it takes {taken}: leave it out"
            )
    # The authors' splits of a user's data are kept; a task says how its own data are split
    rule = None if task.name in settings.data else task.rule
    chosen: dict[str, Any] = {}
    chosen["rule"] = settings.split.get(task.name, rule)
    chosen["balance"] = settings.balance.get(task.name, BALANCE)
    chosen["natural"] = settings.prevalence.get(task.name)
    return chosen
