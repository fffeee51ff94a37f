"""Writes results files: one a variant and session, appended cell by cell with an atomic replace.

A file is valid JSON at any moment. There is one writer only: the recorder of the session's
controlling process. ``results.loading`` reads them back.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.options import Options, differences
from greenbench.results.record import SCHEMA, Json, builtin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


STAMP = "%Y%m%dT%H%M%SZ"
PROBE_BYTES = 1 << 20
"""Free space that the results folder must have before the first cell; a record takes some 10 kB."""


def check_folder(folder: Path) -> None:
    """Make ``folder`` and write to it before the first cell; raises UsageError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * PROBE_BYTES)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise UsageError(
            f"{folder}: results cannot be written here ({error.strerror or error}); "
            "free or mend it, or give another folder with --green-results"
        ) from error


def now_stamp() -> datetime:
    """Return the time that names a session's files, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


class Recorder:
    """Writes the results files of one session."""

    def __init__(self, folder: Path, started: datetime, header: Mapping[str, Any]) -> None:
        """``header`` is what all files of the session share: profile, session, environment."""
        self._folder, self._started, self._header = folder, started, dict(header)
        self._runs: dict[str, tuple[Path, dict[str, Any]]] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files written so far."""
        return tuple(path for path, _ in self._runs.values())

    def note(self, facts: Mapping[str, Any]) -> None:
        """Add ``facts`` to what the session's files share, before the first of them is written."""
        self._header |= builtin(facts)

    def conclude(self, **facts: Any) -> None:
        """Add the session's end (``conclusion``, ``gates``) to all its files; raises OSError."""
        for path, run in self._runs.values():
            run.update(builtin(facts))
            write_atomically(path, json.dumps(run, indent=1, allow_nan=False))

    def append(self, record: Json, options: Options) -> Path:
        """Add a cell's record to the file of its variant, which has ``options``; raises OSError."""
        variant = record["variant"]
        path, run = self._runs.get(variant, (None, self._run(variant, options)))
        run["energy_sources"] |= record["energy_sources"]
        run["cells"] = _with_latest(run["cells"], record)
        text = json.dumps(run, indent=1, allow_nan=False)
        if path is None:
            path = self._claim(variant, text)
        else:
            write_atomically(path, text)
        self._runs[variant] = path, run
        return path

    def _run(self, variant: str, options: Options) -> dict[str, Any]:
        own = {"options": builtin(options), "differs_from_baseline": builtin(differences(options))}
        later: dict[str, Any] = {"energy_sources": {}, "cells": [], "conclusion": None}
        return {"schema": SCHEMA, "variant": variant, **own, **self._header, **later}

    def _claim(self, variant: str, text: str) -> Path:
        """Take a file name that no other session has; sessions of one second get the next ones.

        The file appears with its whole text: a link to a finished file is made, or the name is
        taken.
        """
        stamp = self._started
        while True:
            path = self._folder / f"{variant}_{stamp.strftime(STAMP)}.json"
            with _written(path, text) as finished:
                try:
                    path.hardlink_to(finished)
                except FileExistsError:
                    stamp += timedelta(seconds=1)
                else:
                    return path


def _with_latest(cells: Sequence[Json], record: Json) -> list[Json]:
    """Return ``cells`` with ``record`` in place of an earlier attempt at the same cell."""
    others = [cell for cell in cells if cell["id"] != record["id"]]
    if len(others) < len(cells):
        again = "measured several times in this session; this is the last attempt"
        record = {**record, "doubts": [*record.get("doubts", []), again]}
    return [*others, record]


@contextlib.contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """Give a finished file with ``text`` beside ``path``; remove what is left of it at the end."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` as a whole: a reader, or a crash, sees the old text or the new one."""
    with _written(path, text) as finished:
        finished.replace(path)
