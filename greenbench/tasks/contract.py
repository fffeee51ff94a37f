"""What a task must say of itself before any of it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.tasks.task import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.tasks.task import Task

LEAST_PROFILE = "tiny"
"""The profile of a session that names none."""


def problems(task: Task) -> tuple[str, ...]:
    """Return what a task's definition lacks, or says in contradiction to itself.

    Each is a sentence that begins with the task's name and origin.
    """
    who = f"{task.name} ({task.origin})"
    found = (*_version(task), *_scores(task), *_sizes(task))
    return tuple([f"{who}: {problem}" for problem in found])


def _version(task: Task) -> Iterator[str]:
    if task.contract == CONTRACT:
        return
    newer = task.contract > CONTRACT
    remedy = "update greenbench" if newer else "update what brings the task"
    yield (
        f"it is written for version {task.contract!r} of the contract, and this greenbench keeps "
        f"version {CONTRACT}; {remedy}"
    )


def _scores(task: Task) -> Iterator[str]:
    if not task.scores:
        yield 'it has no score; say each one and its direction: scores={"accuracy": True}'
        return
    for name, higher in task.scores.items():
        if not isinstance(higher, bool):
            yield (f"whether more {name} is better is {higher!r}; say True, or False where less is")
    if not task.primary:
        yield f"it has no primary score; take one of: {', '.join(task.scores)}"
    for name in task.primary:
        if name not in task.scores:
            known = ", ".join(task.scores)
            yield f"its primary score {name} is none of its scores; they are: {known}"


def _sizes(task: Task) -> Iterator[str]:
    if LEAST_PROFILE not in task.sizes:
        known = ", ".join(task.sizes) or "none"
        yield f"it has no sizes for the profile {LEAST_PROFILE}; it has them for: {known}"
