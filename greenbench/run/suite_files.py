"""The files that a suite's tasks are made of: what ``--green-resume`` must find unchanged."""

from __future__ import annotations

import ast
import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TASKS = "tasks"
DEFINING = (".py", ".yaml")
"""Suffixes of the files in ``tasks/`` that define a task; others there may be caches of its code,
and what it loads of them is among the data, which are compared by themselves."""
INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")
"""Of ``sysconfig``: where packages lie, whose versions are compared."""
PACKAGES = {"site-packages", "dist-packages"}
TESTS = ("test_*.py", "*_test.py")
"""Tests that measure no cell may change; those that do are named by the plugin."""


def suite_files(root: Path | None) -> list[Path]:
    """Return the files that define tasks of the suite in ``root``, and the modules they use.

    Those are modules of the suite that are loaded, and those that a function imports only when it
    is called. ``root`` is the folder of experiment.md; None if there is no such file.
    """
    if root is None:
        return []
    root = root.resolve()
    found: set[Path] = set()
    waiting = [*_task_files(root / TASKS), *_loaded_files(root)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported_files(path, _folders(root))
    return sorted(found)


def _task_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in DEFINING:
            yield path


def _loaded_files(root: Path) -> Iterator[Path]:
    """Yield the files of loaded modules in ``root`` that are neither installed nor greenbench's."""
    is_own: dict[str, bool] = {}  # by folder
    for name, module in list(sys.modules.items()):
        package, _, _ = name.partition(".")
        file = getattr(module, "__file__", None)
        if package in {"greenbench", "__main__"} or not isinstance(file, str):
            continue
        folder, slash, _ = file.rpartition("/")
        if not slash:  # a name alone, as torch gives modules that it makes up
            continue
        if folder not in is_own:
            is_own[folder] = _is_own(folder, root)
        if is_own[folder]:
            path = Path(file).resolve()
            is_test = any(fnmatch(path.name, pattern) for pattern in TESTS)
            if path.is_relative_to(root) and not is_test:
                yield path


def _is_own(folder: str, root: Path) -> bool:
    if not PACKAGES.isdisjoint(folder.split("/")):  # before links are resolved: torch has hundreds
        return False
    path = Path(folder).resolve()
    return path.is_relative_to(root) and not _is_installed(path)


def _is_installed(path: Path) -> bool:
    folders = [sysconfig.get_path(name) for name in INSTALLED]
    is_below = any(path.is_relative_to(folder) for folder in folders)
    return is_below or not PACKAGES.isdisjoint(path.parts)


def _folders(root: Path) -> list[Path]:
    """Return the folders of the suite that Python imports from."""
    folders = {root: None}
    for entry in sys.path:
        folder = Path(entry).resolve()
        if folder.is_relative_to(root) and not _is_installed(folder):
            folders[folder] = None
    return list(folders)


def _imported_files(path: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the files in ``folders`` and beside ``path`` that its import statements name.

    Statements within functions count too. What is imported by a name that is put together at run
    time is not seen.
    """
    if path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # who imports it says so
        return
    for node in ast.walk(tree):
        level, names = _named_modules(node)
        for folder in [path.parents[level - 1]] if level else folders:
            for name in names:
                yield from _files_of(folder, name)


def _named_modules(node: ast.AST) -> tuple[int, list[str]]:
    """Return the modules that a statement may import, and how many dots stand before them.

    ``from a import b`` may import ``a``, and ``a.b``.
    """
    if isinstance(node, ast.Import):
        return 0, [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return 0, []
    module = node.module or ""
    names = [f"{module}.{alias.name}".lstrip(".") for alias in node.names]
    return node.level, [module, *names]


def _files_of(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files that importing ``name`` from a folder runs, except those of greenbench."""
    words = name.split(".")
    if words[0] in {"", "greenbench"}:
        return
    place = folder
    for word in words:
        place /= word
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file
