"""Reads the cells of folders, results files and saved runs, one file at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.gates import runs
from greenbench.results import loading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from greenbench.gates.verdict import Measured


def measured_cells(paths: Sequence[Path], only: Collection[str] = ()) -> Iterator[Measured]:
    """Yield each cell of ``paths``; of a folder, those of all its sessions.

    ``only`` are the ids of those to yield, by default all. Raises UsageError for a path that holds
    none, for a file that is damaged, for an id that no cell has, and for a cell that two files
    have: its joules would count twice.
    """
    known: dict[str, None] = {}
    for measured in _all_cells(paths):
        known[measured.id] = None
        if not only or measured.id in only:
            yield measured
    for name in only:
        if name not in known:
            raise UsageError(f"--cell: no cell is called {name}; there are {', '.join(known)}")


def _all_cells(paths: Sequence[Path]) -> Iterator[Measured]:
    origins: dict[tuple[str, str], str] = {}
    for path in paths:
        for file in _files(path):
            for measured in runs.read(file).cells.values():
                session = measured.header.session_id or str(file)
                earlier = origins.setdefault((session, measured.id), str(file))
                if earlier != str(file):
                    raise UsageError(
                        f"{file}: {measured.id} of this session is in {earlier} too, and would "
                        "count twice; give one of the two"
                    )
                yield measured


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = loading.results_files(path)
    if not files:
        raise UsageError(
            f"{path}: no results file is here (V0_baseline_....json); run pytest bench first, or "
            "give another folder"
        )
    return files
