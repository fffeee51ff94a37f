"""Finds the definition of each task of a suite: built in, a file beside experiment.md, a package.

A task is found by its name in the tasks table. One that is defined in two places is refused with
both named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.tasks import Task

FOLDER = "tasks"
"""Beside experiment.md: a file for each task of the suite's own."""


def is_defined(name: str, root: Path) -> bool:
    """Whether the suite in ``root`` could measure a task called ``name``."""
    try:
        find(name, root)
    except UsageError:
        return False
    return True


def find(name: str, root: Path) -> Task:
    """Return the definition of the task called ``name``; ``root`` is the suite's folder.

    Raises UsageError if there is none, or more than one, or if it is wrong.
    """
    file = root / FOLDER / f"{name}.py"
    if name in BUILT_IN:
        if file.exists():
            raise UsageError(
                f"{name} is defined in {FOLDER}/{file.name} and in greenbench; rename the file"
            )
        return BUILT_IN[name]
    if file.exists():
        return from_file(file)
    known = ", ".join(BUILT_IN)
    raise UsageError(
        f"{name} is defined nowhere; write {FOLDER}/{file.name}, or take one of greenbench's: "
        f"{known}"
    )


def from_file(path: Path) -> Task:
    """Return the task that the file ``path``, ``tasks/NAME.py``, defines by its functions.

    Raises UsageError for a file that cannot be run, or that lacks what a task needs.
    """
    from greenbench.tasks.functions.source import from_file as functions_of
    from greenbench.tasks.functions.task import function_task

    where = f"{FOLDER}/{path.name}"
    return function_task(path.stem, functions_of(path, where), where)
