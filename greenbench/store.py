"""Results files: one a variant and session, appended cell by cell with an atomic replace, valid JSON at any moment.

One writer only: the recorder of the session's controlling process. Reading tolerates what other sessions left: a file that
cannot be read is named, not fatal.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.options import Options, differences
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from greenbench.types import CellResult, Energy, Round, Window

# History of the format. Files of every earlier number still load.
# 1: first version.
# 2: windows have uncertainty_j, idle_j, net_j, passes; rounds have repeats, machine, correct; cells have energy, stages,
#    efficiency and yardstick; files have instrument and conclusion.
# 3: metrics have low, high, constant and decides; rounds have outcomes and degenerate; cells have degenerate; files have
#    profile_changes and, where gates were asked, gates.
SCHEMA = 3

STAMP = "%Y%m%dT%H%M%SZ"
PROBE_BYTES = 1 << 20
"""Room that must be left in the results folder before a joule is spent; a cell's record takes some 10 kB."""


def builtin(value: Any) -> Any:
    """Return ``value`` as plain builtins that JSON can hold; a float that is not finite becomes None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: builtin(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): builtin(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [builtin(v) for v in value]
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value)


def energy_record(energy: Energy) -> dict[str, Any]:
    """Joules per channel with their sources, above the idle machine's too, and the sums with their scope."""
    record: dict[str, Any] = builtin(energy)
    net = {channel: energy.net(channel) for channel in CHANNELS}
    totals = {"total_j": energy.total_j, "total_net_j": energy.total_net_j, "scope": list(energy.scope)}
    return {**record, "net_j": net, **totals}


def window_record(window: Window) -> dict[str, Any]:
    """One stage window."""
    about = {"stage": window.stage, "seconds": window.seconds, "state": window.state, "passes": window.passes}
    return {**about, **energy_record(window.energy)}


def round_record(one: Round) -> dict[str, Any]:
    """One round: its seconds and joules as a whole, then the stages'."""
    record: dict[str, Any] = builtin(one)
    del record["whole"]
    whole = {"seconds": one.whole.seconds, "energy": energy_record(one.whole.energy)}
    stages = {name: [window_record(w) for w in getattr(one, name)] for name in ("windows", "repeats")}
    return {**record, **whole, **stages}


def cell_record(result: CellResult, options: Options | None) -> dict[str, Any]:
    """All of a cell as builtins; ``options`` is None for a plain function."""
    record: dict[str, Any] = builtin(dataclasses.replace(result, rounds=()))
    last = result.rounds[-1:]
    record |= {
        "schema": SCHEMA,
        "options": builtin(options),
        "differs_from_baseline": builtin(differences(options)) if options else [],
        "rounds": [round_record(r) for r in result.rounds],
        "applied": [a for r in last for a in builtin(r.applied)],
        "references": {k: v for r in last for k, v in builtin(r.references).items()},
        "failures": {
            k: sum(r.failures.get(k, 0) for r in result.rounds)
            for k in dict.fromkeys(k for r in result.rounds for k in r.failures)
        },
        "work": {k: v for r in last for k, v in builtin(r.work).items()},
        "energy_sources": {k: v for r in last for k, v in r.whole.energy.sources.items()},
    }
    return record


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
        raise UsageError(f"{path}: not a results file ({type(error).__name__}: {error}); delete it or give another") from error
    if schema > SCHEMA:
        raise UsageError(f"{path}: written with schema {schema}, and this greenbench reads up to {SCHEMA}; update greenbench")
    if lacking:
        raise UsageError(f"{path}: not a results file (it lacks {', '.join(lacking)}); delete it or give another")
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
