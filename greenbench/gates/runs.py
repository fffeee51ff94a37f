"""Runs that were measured before, from what holds them: results files, folders of them, pytest-benchmark's saved runs."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.gates.comparability import differences
from greenbench.gates.judging import flaw_of, is_named
from greenbench.gates.verdict import Measured
from greenbench.results import files as store
from greenbench.results import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

HEADER = ("profile", "profile_changes", "environment", "session")
"""What a results file, or a saved run under ``greenbench``, says of the circumstances of its cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The cells of one run, by id."""

    name: str
    cells: Mapping[str, Measured]
    failed: bool = False
    """Whether it failed a gate: such a run is no baseline that anybody should come upon by chance."""


def read(path: Path) -> Run:
    """Return the run that a file or folder holds; of a folder, the newest of each cell. Raises UsageError."""
    if not path.exists():
        raise UsageError(
            f"{path}: there is no such file or folder to compare with; --benchmark-json=FILE writes one"
        )
    if path.is_dir():
        return _folder(path)
    data = _json(path)
    if "benchmarks" in data:
        return _saved(path, data)
    run = store.load(path)
    return Run(name=str(path), cells=_by_id([_of_results(run, str(path))]), failed=marked(run))


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: not a whole results file or saved run ({error}); measure it again"
        ) from error
    if not isinstance(data, dict):
        raise UsageError(
            f"{path}: neither a results file nor a saved run; give one that pytest bench wrote"
        )
    return data


def _folder(path: Path) -> Run:
    found, problems = store.load_folder(path)
    if problems:
        raise UsageError("\n".join(problems))
    if not found:
        raise UsageError(
            f"{path}: no results file is here (V0_baseline_....json); run pytest bench first, or give another folder"
        )
    kept = [run for run in found if not marked(run)] or found
    kept.sort(key=lambda run: str(run.get("session", {}).get("started")))
    return Run(
        name=str(path),
        cells=_by_id([_of_results(run, str(path)) for run in kept]),
        failed=all(map(marked, found)),
    )


def _saved(path: Path, data: Mapping[str, Any]) -> Run:
    about = data.get("greenbench") or {}
    with readable(str(path)):
        records = [
            r for b in data["benchmarks"] if (r := (b.get("extra_info") or {}).get("greenbench"))
        ]
        newer = [r["schema"] for r in records if r["schema"] > record.SCHEMA]
    if not records:
        raise UsageError(
            f"{path}: none of its {len(data['benchmarks'])} benchmarks was measured by greenbench; give another"
        )
    if newer:
        raise UsageError(
            f"{path}: written with schema {newer[0]}, and this greenbench reads up to {record.SCHEMA}; update greenbench"
        )
    ids = [r["id"] for r in records]
    if twice := sorted({i for i in ids if ids.count(i) > 1}) if len(ids) > len(set(ids)) else []:
        raise UsageError(
            f"{path}: it holds {twice[0]} several times, and a verdict is about one; measure its tests apart"
        )
    header = {key: about.get(key) for key in HEADER}
    cells = {r["id"]: Measured(record=r, header=header, origin=str(path)) for r in records}
    return Run(name=str(path), cells=cells, failed=marked(about))


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what a record that greenbench did not write, or somebody edited, runs into, to one sentence."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        told = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{name}: a cell is not as greenbench writes it ({told}); measure it again"
        ) from error


def _of_results(run: Mapping[str, Any], origin: str) -> list[Measured]:
    header = {key: run.get(key) for key in HEADER}
    return [Measured(record=record, header=header, origin=origin) for record in run["cells"]]


def _by_id(runs: Iterable[Sequence[Measured]]) -> dict[str, Measured]:
    return {cell.id: cell for cells in runs for cell in cells}


def marked(run: Mapping[str, Any]) -> bool:
    """Whether a results file says that its session failed a gate."""
    return bool((run.get("gates") or {}).get("failed"))


def newest(
    folder: Path, reference: str, cell: Measured, *, but: str = "", allow: Collection[str] = ()
) -> Measured | None:
    """Return the newest cell in a results folder that ``reference`` names and that ``cell`` can be held against.

    Sessions that failed a gate are passed over, and the session of the id ``but``, which is the one that asks.
    """
    found = [
        (str(run.get("session", {}).get("started")), other)
        for run in store.load_folder(folder)[0]
        if not marked(run) and run.get("session", {}).get("id") != but
        for other in _of_results(run, folder.name)
        if other.record["task"] == cell.record["task"]
        and is_named(other, reference)
        and not flaw_of(other)
        if not set(differences(cell, other)) - set(allow)
    ]
    if not found:
        return None
    started, other = max(found, key=lambda pair: pair[0])
    return Measured(
        record=other.record, header=other.header, origin=f"{folder.name}, {age(started)} old"
    )


def age(started: str) -> str:
    """Say how long ago a session started."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    except ValueError:
        return "of unknown age"
    for length, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' * (count != 1)}"
    return "less than a minute"
