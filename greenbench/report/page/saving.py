"""Writes a report: as a whole or not at all, and never over a file that is none of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.results.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

OURS = b'<meta name="generator" content="greenbench '
"""What every report has in its first lines."""
FIRST_BYTES = 1000


def check_target(path: Path) -> None:
    """Raise UsageError if a report must not be written to ``path``: another file is there.

    An earlier report, or an empty file, is replaced.
    """
    if path.is_dir():
        raise UsageError(f"{path}: a folder; give the name of a file, such as report.html")
    if not path.exists():
        return
    if not path.is_file():
        raise UsageError(f"{path}: no ordinary file; give the name of one, such as report.html")
    with path.open("rb") as file:
        start = file.read(FIRST_BYTES)
    if start and OURS not in start:
        raise UsageError(
            f"{path}: a file that is no report of greenbench; delete it or give another name"
        )


def save(path: Path, text: str) -> None:
    """Write a report, in a folder that is made if need be. Raises UsageError and OSError."""
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
