"""The results of one session: its circumstances, its files and their one writer, its conclusion."""

from __future__ import annotations

import functools
import shlex
import sys
import uuid
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.results import files
from greenbench.results.record import Json, builtin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.experiment.settings import Settings
    from greenbench.options import Options
    from greenbench.run.instruments import Instruments


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
        self._root = root
        self._settings = settings
        self._instruments = instruments
        self._options = options
        self._started = files.now_stamp()
        self._recorder: files.Recorder | None = None

    def check_folder(self, variants: Iterable[str]) -> None:
        """Raise UsageError if the results folder cannot take the results of ``variants``."""
        files.check_folder(self._settings.results, variants)

    def note(self, facts: Json) -> None:
        """Add ``facts`` to the circumstances, before the first cell is written."""
        self._opened().note(facts)

    def record(self, record: Json) -> None:
        """Write a finished cell.

        Raises UnavailableError if the results folder does not take it; its sentence says where the
        cell is instead.
        """
        variant = record["variant"]
        try:
            self._opened().append(record, self._options[variant])
        except OSError as error:
            problem = f"{record['id']}: its results could not be written"
            problem += f" into {self._settings.results} ({error.strerror or error})"
            try:
                copy = self._opened().copy_elsewhere(variant)
            except OSError:
                raise UnavailableError(f"{problem}; the table below has them") from error
            raise UnavailableError(f"{problem}; they are in {copy}") from error

    def conclude(self, **facts: object) -> None:
        """Add the session's end to its files, if there are any; raises OSError."""
        if self._recorder is not None:
            self._recorder.conclude(**facts)

    @property
    def paths(self) -> Sequence[Path]:
        """The files that were written so far."""
        return self._recorder.paths if self._recorder is not None else ()

    @functools.cached_property
    def header(self) -> Json:
        """The circumstances of the session, as its files state them."""
        from greenbench.machine.environment import describe

        changes = {task: dict(sizes) for task, sizes in self._settings.size.items()}
        environment = builtin(describe(self._root, self._instruments.gpus))
        return {
            "profile": self._settings.profile,
            "profile_changes": changes,
            "session": {
                "id": uuid.uuid4().hex,
                "argv": shlex.join(["pytest", *sys.argv[1:]]),
                "started": self._started.isoformat().replace("+00:00", "Z"),
            },
            "environment": {"device": self._instruments.device, **environment},
        }

    def _opened(self) -> files.Recorder:
        if self._recorder is None:
            self._recorder = files.Recorder(self._settings.results, self._started, self.header)
        return self._recorder
