"""How pip installs a project, with greenbench and what the tasks of its suite need."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

OWN = '[project]\nname = "greenbench"\n'
"""How the pyproject.toml of greenbench itself begins to describe it."""


def arguments(root: Path, folder: Path, extras: Collection[str] = ()) -> str:
    """Return pip's arguments, in ``folder``, for the project at ``root`` and greenbench.

    ``extras`` are those of greenbench that the suite needs.
    """
    up = os.path.relpath(root, folder)
    words = []
    if (root / "constraints.txt").is_file():
        words += ["-c", _below(up, "constraints.txt")]
    if (root / "requirements.txt").is_file():
        words += ["-r", _below(up, "requirements.txt")]
    listed = ",".join(sorted(extras))
    wanted = f"[{listed}]" if listed else ""
    if _is_greenbench(root):  # pip refuses a project beside a requirement of the same name
        return shlex.join([*words, "-e", f"{up}{wanted}"])
    if _is_project(root):
        words += ["-e", up]
    return shlex.join([*words, f"greenbench{wanted}"])


def _below(folder: str, name: str) -> str:
    return os.path.normpath(os.path.join(folder, name))  # noqa: PTH118  as pip reads it


def says_how(root: Path) -> bool:
    """Whether files in ``root`` say how pip installs what is in it."""
    return (root / "requirements.txt").is_file() or _is_project(root)


def _is_greenbench(root: Path) -> bool:
    """Whether ``root`` is greenbench's own repository."""
    declared = root / "pyproject.toml"
    return declared.is_file() and OWN in declared.read_text("utf-8", errors="replace")


def _is_project(root: Path) -> bool:
    """Whether pip can install what is in ``root``."""
    declared = root / "pyproject.toml"
    if declared.is_file():
        return "[project]" in declared.read_text("utf-8", errors="replace")
    return (root / "setup.py").is_file()
