"""The files that a suite's tasks are made of: what ``--green-resume`` must find unchanged."""

from __future__ import annotations

import sys
import sysconfig
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS = "tasks"
INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")
"""Of ``sysconfig``: where packages lie, whose versions are compared."""
PACKAGES = {"site-packages", "dist-packages"}
TESTS = ("test_*.py", "*_test.py")
"""Tests that measure no cell may change; those that do are named by the plugin."""


def suite_files(root: Path | None) -> list[Path]:
    """Return all files in ``tasks/`` of the suite in ``root``, and its modules that are loaded.

    ``root`` is the folder of experiment.md; None if there is no such file.
    """
    if root is None:
        return []
    root = root.resolve()
    return sorted({*_task_files(root / TASKS), *_loaded_files(root)})


def _task_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _loaded_files(root: Path) -> Iterator[Path]:
    """Yield the files of loaded modules in ``root`` that are neither installed nor greenbench's."""
    for name, module in list(sys.modules.items()):
        package, _, _ = name.partition(".")
        file = getattr(module, "__file__", None)
        if package in {"greenbench", "__main__"} or not isinstance(file, str):
            continue
        path = Path(file)
        if not path.is_absolute():  # a name alone, as torch gives modules that it makes up
            continue
        path = path.resolve()
        is_test = any(fnmatch(path.name, pattern) for pattern in TESTS)
        if path.is_relative_to(root) and not is_test and not _is_installed(path):
            yield path


def _is_installed(path: Path) -> bool:
    folders = [sysconfig.get_path(name) for name in INSTALLED]
    is_below = any(path.is_relative_to(folder) for folder in folders)
    return is_below or not PACKAGES.isdisjoint(path.parts)
