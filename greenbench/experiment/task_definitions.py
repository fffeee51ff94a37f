"""Finds the definition of each task of a suite: built in, a file beside experiment.md, a package.

A task is found by its name in the tasks table. One that is defined in two places is refused with
both named.
"""

from __future__ import annotations

import sys
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import task_file
from greenbench.tasks import BUILT_IN, TaskOf, contract
from greenbench.tasks.kinds import making

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.tasks import Task

FOLDER = "tasks"
"""Beside experiment.md: a file for each task of the suite's own."""
GROUP = "greenbench.tasks"
"""The entry points by which installed packages offer tasks."""


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
    places: dict[str, Callable[[], Task]] = {}
    if name in BUILT_IN:
        places["greenbench"] = partial(BUILT_IN.__getitem__, name)
    folder = root / FOLDER
    described, written = folder / f"{name}.yaml", folder / f"{name}.py"
    if described.exists():
        places[f"{FOLDER}/{described.name}"] = partial(from_yaml, described, name, root)
    if written.exists():
        places[f"{FOLDER}/{written.name}"] = partial(from_file, written)
    for point in _entry_points(_search_path()):
        if point.name == name:
            places[_offered(point)] = partial(from_package, point)
    if len(places) > 1:
        raise UsageError(f"{name} is defined in {' and in '.join(places)}; rename one of them")
    for make in places.values():
        return make()
    known = ", ".join(BUILT_IN)
    raise UsageError(
        f"{name} is defined nowhere; write {FOLDER}/{written.name} or {FOLDER}/{described.name}, "
        f"or take one of greenbench's: {known}"
    )


def _search_path() -> tuple[tuple[str, int], ...]:
    """Return where packages are looked for, and when each folder last changed (ns; 0: unknown)."""
    folders = []
    for folder in sys.path:
        try:
            changed = Path(folder or ".").stat().st_mtime_ns
        except OSError:
            changed = 0
        folders.append((folder, changed))
    return tuple(folders)


@lru_cache(maxsize=1)
def _entry_points(_path: tuple[tuple[str, int], ...]) -> tuple[metadata.EntryPoint, ...]:
    """Return the tasks that installed packages offer: read again only if the path has changed.

    To find them, Python reads a file of every installed package.
    """
    return tuple(metadata.entry_points(group=GROUP))


def from_yaml(file: Path, name: str, root: Path) -> Task:
    """Return the task that a file describes; raises UsageError for what is wrong in it."""
    where = f"{FOLDER}/{file.name}"
    if task_file.kind_of(file) == task_file.FUNCTION:
        from greenbench.tasks.functions.source import from_name
        from greenbench.tasks.functions.task import function_task

        functions = from_name(task_file.functions_of(file), where, root)
        return function_task(name, functions, where)
    return making.make(task_file.read(file, name, root))


def from_file(path: Path) -> Task:
    """Return the task that the file ``path``, ``tasks/NAME.py``, defines by its functions.

    Raises UsageError for a file that cannot be run, or that lacks what a task needs.
    """
    from greenbench.tasks.functions.source import from_file as functions_of
    from greenbench.tasks.functions.task import function_task

    where = f"{FOLDER}/{path.name}"
    return function_task(path.stem, functions_of(path, where), where)


def from_package(point: metadata.EntryPoint) -> Task:
    """Return the task that a package offers: a ``Task``, or an object with a task's functions.

    Raises UsageError, which names package and task, for what cannot be imported or is none.
    """
    from greenbench.tasks.functions.source import told

    where = _offered(point)
    try:
        offered: object = point.load()
    except (Exception, SystemExit) as error:  # whatever a package raises when it is imported
        raise UsageError(
            f"{where}: its task {point.name} cannot be imported from {point.value}: "
            f"{told(error)}; mend the package, or remove the task's row"
        ) from error
    task = _as_task(offered, point.name, f"{where}: task {point.name}")
    if task.name != point.name:
        raise UsageError(
            f"{where}: its entry point {point.name} gives a task that is called {task.name}; "
            "call both alike"
        )
    problems = contract.problems(task)
    if problems:
        said_twice = f" ({where}: task {task.name})"
        raise Disagreements([f"{where}: {text.replace(said_twice, '')}" for text in problems])
    return task


def _as_task(offered: object, name: str, where: str) -> Task:
    """Return what a package offers as a task; raises UsageError, which begins with ``where``."""
    if isinstance(offered, TaskOf):
        return offered
    from greenbench.tasks.functions.task import function_task

    return function_task(name, offered, where)


def _offered(point: metadata.EntryPoint) -> str:
    """Name the package of an entry point, with its version."""
    if point.dist is None:
        return f"the entry point {point.value}"
    return f"package {point.dist.name} {point.dist.version}"
