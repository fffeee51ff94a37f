"""Reads the sessions whose results are analysed: folders, results files, saved runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.gates import runs
from greenbench.gates.verdict import Measured
from greenbench.results import loading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.results.reading import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysedSession:
    """The cells that one session measured, by id."""

    key: str
    started: str
    cells: Mapping[str, Measured]


def read_sessions(paths: Sequence[Path]) -> list[AnalysedSession]:
    """Return the sessions of folders and files, oldest first.

    Raises UsageError for a path that holds none, and for records that contradict themselves.
    """
    every: list[Measured] = []
    for path in paths:
        every += _cells(path)
    return sessions_of(every)


def sessions_of(every: Iterable[Measured]) -> list[AnalysedSession]:
    """Return the sessions that cells were measured in, oldest first.

    Raises UsageError if two files have a cell of one session.
    """
    by_key: dict[str, dict[str, Measured]] = {}
    started: dict[str, str] = {}
    for measured in every:
        header = measured.header
        key = header.session_id or f"{measured.origin} {header.started}"
        cells = by_key.setdefault(key, {})
        if measured.id in cells and cells[measured.id].origin != measured.origin:
            raise UsageError(
                f"{measured.origin}: {measured.id} of this session is in "
                f"{cells[measured.id].origin} too; give one of the two"
            )
        cells[measured.id] = measured
        started[key] = header.started
    sessions = []
    for key, cells in by_key.items():
        sessions.append(AnalysedSession(key=key, started=started[key], cells=cells))
    return sorted(sessions, key=lambda session: session.started)


def _cells(path: Path) -> Iterable[Measured]:
    """Return all cells of a path, those that several sessions measured several times."""
    if not path.is_dir():
        return runs.read(path).cells.values()
    found, problems = loading.load_folder(path)
    if problems:
        raise Disagreements(problems)
    if not found:
        raise UsageError(
            f"{path}: no results file is here (V0_baseline_....json); run pytest bench first, or "
            "give another folder"
        )
    cells = []
    for run in found:
        cells += _of_run(run, str(path))
    return cells


def _of_run(run: RunRecord, origin: str) -> list[Measured]:
    return [Measured(record=record, header=run.header, origin=origin) for record in run.cells]
