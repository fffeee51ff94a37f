"""A suite around a task whose file is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.experiment import task_definitions
from greenbench.experiment.starter.files import StarterTask
from greenbench.experiment.starter.kinds import StarterKind
from greenbench.gates.default_limits import limit
from greenbench.gates.expression import SAVED
from greenbench.options import STAGES

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.tasks import Task

SUFFIXES = (".py", ".yaml")


def existing_task(folder: Path, name: str) -> StarterTask | None:
    """Return the task ``name`` whose file is in ``folder``, None if there is no such file.

    Raises UsageError for a file that defines no task.
    """
    files = [folder / "tasks" / f"{name}{suffix}" for suffix in SUFFIXES]
    found = [file for file in files if file.is_file()]
    if not found:
        return None
    task = task_definitions.find(name, folder)
    size = next(iter(task.sizes.values()))
    model = size.model if task.head is not None else ""
    path = found[0].relative_to(folder).as_posix()
    return StarterTask(name=name, kind=_kind(task), model=model, data="", columns={}, file=path)


def _kind(task: Task) -> StarterKind:
    """Return a kind without variants: which knobs are worth changing is the user's to say."""
    score = task.primary[0]
    return StarterKind(
        name=task.kind,
        task=task.name,
        description=task.description or "own task",
        columns={},
        score=score,
        limit=limit(score, SAVED, higher=task.scores[score]),
        model="",
        baseline=dict.fromkeys(STAGES, "the task's own"),
        variants=(),
    )
