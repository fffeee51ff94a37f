"""The software of a checkout: what a run's machines are compared by before their first block."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from greenbench.cluster.plan import Software
from greenbench.machine.environment import (
    changes_sha256,
    git_state,
    package_versions,
    untracked_files,
)

CODE = {".py", ".yaml", ".yml", ".toml", ".ini", ".cfg"}
"""Suffixes of files that decide what a suite measures, beside its experiment.md."""
EXPERIMENT = "experiment.md"
UNCHANGED = hashlib.sha256(b"").hexdigest()
SHOWN = 12
"""Characters of a hash."""


def software_of(root: Path) -> Software:
    """Return versions of Python and of the packages that matter, and the code in ``root``."""
    git = git_state(root)
    commit, dirty = git["commit"], git["dirty"]
    return Software(
        python=platform.python_version(),
        packages=package_versions(),
        commit=None if commit is None else str(commit),
        dirty=None if dirty is None else bool(dirty),
        changes=_changes(root) if commit is None else _changes_since_commit(root),
    )


def _changes_since_commit(root: Path) -> str:
    """Return a hash of changes in no commit, and of code that git does not track; empty if none."""
    tracked = changes_sha256(root)
    untracked = untracked_files(root)
    files = [path for path in _code(root) if path in untracked]
    if tracked == UNCHANGED and not files:
        return ""
    return _hash(root, files, str(tracked))


def _changes(root: Path) -> str:
    """Return a hash of all code, where no commit says what it is."""
    return _hash(root, _code(root), "")


def _hash(root: Path, files: list[Path], beginning: str) -> str:
    digest = hashlib.sha256(beginning.encode())
    for path in files:
        name = os.fsencode(path.relative_to(root))
        digest.update(name + b"\n" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:SHOWN]


def _code(root: Path) -> list[Path]:
    """Return the code below ``root``, sorted; hidden folders and environments are passed over."""
    found = []
    for folder, folders, names in os.walk(root):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if (path.suffix in CODE or name == EXPERIMENT) and path.is_file():
                found.append(path)
    return sorted(found)
