"""Results files: one a variant and session, appended cell by cell with an atomic replace, valid JSON at any moment.

One writer only: the recorder of the session's controlling process. Reading tolerates what other sessions left: a file that
cannot be read is named, not fatal.
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
from greenbench.results.record import SCHEMA, builtin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


STAMP = "%Y%m%dT%H%M%SZ"
PROBE_BYTES = 1 << 20
"""Room that must be left in the results folder before a joule is spent; a cell's record takes some 10 kB."""


def check_folder(folder: Path) -> None:
    """Make ``folder`` and write to it before anything runs; raises UsageError where it cannot take the results."""
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
        """Add what the session's end showed (``conclusion``, ``gates``) to all its files; raises OSError."""
        for path, run in self._runs.values():
            run.update(builtin(facts))
            write_atomically(path, json.dumps(run, indent=1, allow_nan=False))

    def append(self, record: Mapping[str, Any], options: Options) -> Path:
        """Add a cell's record to its variant's file, whose ``options`` are those of the matrix; raises OSError."""
        variant = record["variant"]
        path, run = self._runs.get(variant, (None, self._run(variant, options)))
        run["energy_sources"] |= record["energy_sources"]
        run["cells"].append(record)
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
        """Take a file name that no other session has; two sessions of one second get neighbouring seconds.

        The file appears with its whole text: a link to a finished one either is made or finds the name taken.
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


@contextlib.contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """Give a finished file with ``text`` beside ``path``, and remove it afterwards if it is still there."""
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


KEYS = ("variant", "profile", "environment", "cells")


def load(path: Path) -> dict[str, Any]:
    """Read a results file; raises UsageError where it is none, or from a newer greenbench."""
    try:
        run: dict[str, Any] = json.loads(path.read_text("utf-8"))
        schema, lacking = int(run["schema"]), [key for key in KEYS if key not in run]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: not a results file ({type(error).__name__}: {error}); delete it or give another"
        ) from error
    if schema > SCHEMA:
        raise UsageError(
            f"{path}: written with schema {schema}, and this greenbench reads up to {SCHEMA}; update greenbench"
        )
    if lacking:
        raise UsageError(
            f"{path}: not a results file (it lacks {', '.join(lacking)}); delete it or give another"
        )
    return run


def load_folder(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Read all results files in ``folder``, oldest first, and say which could not be read."""
    runs, problems = [], []
    for path in sorted(folder.glob("V*_*Z.json")):
        try:
            runs.append(load(path))
        except UsageError as error:
            problems.append(str(error))
    return runs, problems
