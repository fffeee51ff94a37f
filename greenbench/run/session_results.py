"""The results of one session: its circumstances, its files and their one writer, its conclusion."""

from __future__ import annotations

import functools
import os
import shlex
import sys
import uuid
from datetime import datetime
from typing import TYPE_CHECKING

import psutil

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine import allocation
from greenbench.machine.control.journal import boot_id
from greenbench.machine.processes import since_boot_s
from greenbench.results import files
from greenbench.results.record import Json, builtin
from greenbench.run.conditions import conditions
from greenbench.run.until_sure import planned_looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.experiment.settings import Settings
    from greenbench.options import Options
    from greenbench.run.instruments import Instruments
    from greenbench.types import Cell

SESSION = "GREENBENCH_SESSION"
"""The variable by which a command says which id the session that it starts is to have."""


class SessionResults:
    """Writes the results files of one session; the first cell makes the first file."""

    def __init__(
        self,
        root: Path,
        settings: Settings,
        instruments: Instruments,
        options: Mapping[str, Options],
    ) -> None:
        """Write nothing yet.

        ``root`` is the folder whose git commit is recorded, ``options`` are the variants' own.
        """
        self._root, self._settings = root, settings
        self._instruments = instruments
        self._options = options
        self._started = files.now_stamp()
        self.concluded: Json = {}
        """How the session ended, as its files state it."""
        self.noted: Json = {}
        self._recorder: files.Recorder | None = None
        self._continued: Json | None = None
        self._environment: Json | None = None
        self.conditions: Json = {}
        """What a session that continues this one must share with it."""

    def check_folder(self, variants: Iterable[str]) -> None:
        """Raise UsageError if the results folder cannot take the results of ``variants``."""
        files.check_folder(self._settings.results, variants)

    def state_conditions(self, cells: Sequence[Cell], sources: Iterable[Path]) -> None:
        """Note what is measured; ``sources`` are the suite's files. Raises UsageError."""
        try:
            self.conditions = conditions(self._settings, cells, self._root, sources)
        except OSError as error:
            raise UsageError(f"{error.filename}: cannot be read ({error.strerror})") from error

    @property
    def continues(self) -> bool:
        """Whether the files are those of another session, which died, and do not end yet."""
        return self._continued is not None and "conclusion" not in self.concluded

    def resume(self, session: Json, environment: Json, continued: Mapping[Path, Json]) -> None:
        """Continue the files of a ``session`` that died. Raises UsageError."""
        self._continued, self._environment = session, environment
        session["process"] = _own_process()
        self._started = datetime.fromisoformat(session["started"])
        for file in continued.values():
            file.update(session=session, carbon=builtin(self._settings.carbon))
        try:
            files.remove_half_written(self._settings.results, session["process"]["started_s"])
            self._opened().adopt(continued)
        except OSError as error:
            raise UsageError(
                f"--green-resume: a results file in {self._settings.results} cannot be written "
                f"({error.strerror or error}); free or mend the folder"
            ) from error

    def note(self, facts: Json) -> None:
        """Add ``facts`` to the circumstances, before the first cell is written."""
        self.noted |= facts
        self._opened().note(facts)

    def record(self, record: Json) -> None:
        """Write a finished cell.

        Raises UnavailableError if the results folder does not take it; its sentence says where the
        cell is instead.
        """
        try:
            self._opened().append(record, self._options[record["variant"]])
        except OSError as error:
            sentence = _not_written(record, self._opened(), self._settings.results, error)
            raise UnavailableError(sentence) from error

    def conclude(self, **facts: object) -> None:
        """Add the session's end to its files, if there are any; raises OSError."""
        self.concluded |= facts
        if self._recorder is not None:
            self._recorder.conclude(**facts)

    @property
    def paths(self) -> Sequence[Path]:
        """The files that were written so far."""
        return self._recorder.paths if self._recorder is not None else ()

    @functools.cached_property
    def header(self) -> Json:
        """The circumstances of the session, as its files state them."""
        return {
            "profile": self._settings.profile,
            "profile_changes": builtin(self._settings.size),
            "session": self._continued or self.new_session(),
            "environment": self._environment or self.describe_machine(),
            "carbon": builtin(self._settings.carbon),
        }

    def describe_machine(self) -> Json:
        """Return the machine and the versions, as results files state them."""
        from greenbench.machine.environment import describe

        described = builtin(describe(self._root, self._instruments.gpus))
        return {"device": self._instruments.device, **described}

    def new_session(self) -> Json:
        """Return what the files state of a session that continues no other one."""
        return {
            "id": os.environ.pop(SESSION, None) or uuid.uuid4().hex,
            "argv": shlex.join(["pytest", *sys.argv[1:]]),
            "started": stated_time(self._started),
            **_where_it_runs(),
            "conditions": self.conditions,
            "until_sure": builtin(planned_looks(self._settings)),
        }

    def _opened(self) -> files.Recorder:
        if self._recorder is None:
            self._recorder = files.Recorder(self._settings.results, self._started, self.header)
        return self._recorder


def _not_written(record: Json, recorder: files.Recorder, folder: Path, error: OSError) -> str:
    """Say that the folder does not take a record, and where it is instead."""
    problem = f"{record['id']}: its results could not be written"
    problem += f" into {folder} ({error.strerror or error})"
    try:
        copy = recorder.copy_elsewhere(record["variant"])
    except OSError:
        return f"{problem}; the table below has them"
    return f"{problem}; they are in {copy}"


def stated_time(moment: datetime) -> str:
    """Return a time in UTC in ISO 8601, as results files state it."""
    return moment.isoformat().replace("+00:00", "Z")


def _where_it_runs() -> Json:
    return {"process": _own_process(), "allocation": allocation.recorded()}


def _own_process() -> Json:
    """Return what tells whether the session still runs: its process and when that started."""
    process = psutil.Process()
    known = {"pid": process.pid, "started_s": process.create_time()}
    return {**known, "boot": boot_id(), "since_boot_s": since_boot_s(process.pid)}
