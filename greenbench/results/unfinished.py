"""Finds the sessions in a results folder that did not come to their end."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil

from greenbench.errors import UsageError
from greenbench.machine.control.journal import boot_id
from greenbench.machine.processes import since_boot_s
from greenbench.results.fields import Fields
from greenbench.results.files import RESULTS_FILES
from greenbench.results.json_files import read_json
from greenbench.results.loading import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from greenbench.results.record import Json

SAME_START_S = 1.0
"""Two readings of when a process started, in the time of day, differ by less."""
TICK_S = 0.005
"""Half of what the kernel's clock ticks by: both readings are exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSession:
    """One session by its results files, which are valid, and say what it measured under."""

    id: str
    started: str
    """In ISO 8601."""
    files: dict[Path, Json]

    @property
    def any_file(self) -> Json:
        """One of its files: all state the same circumstances."""
        return next(iter(self.files.values()))

    @property
    def session(self) -> Json:
        """What its files say of the session itself."""
        facts: Json = self.any_file["session"]
        return facts

    @property
    def unfinished(self) -> bool:
        """Whether it died, or was interrupted, before its end."""
        ends = [file.get("conclusion") for file in self.files.values()]
        return any(not end or end.get("in_a_hurry") for end in ends)

    @property
    def running_as(self) -> int | None:
        """The id of its process, if that still runs on this machine."""
        process = self.session.get("process") or {}
        pid = process.get("pid")
        if pid in (None, os.getpid()):  # a process may run several sessions, one after the other
            return None
        return int(pid) if _runs(process) else None


def _runs(process: Json) -> bool:
    """Whether the process of a session, as its files state it, has not ended."""
    pid: int = process["pid"]
    stated: float | None = process.get("since_boot_s")
    if stated is not None:
        started = since_boot_s(pid) if process.get("boot") == boot_id() else None
        return started is not None and abs(started - stated) < TICK_S
    # As earlier versions stated it: a clock that was set since makes it another process.
    earlier: float = process["started_s"]
    try:
        return abs(psutil.Process(pid).create_time() - earlier) < SAME_START_S
    except (psutil.Error, ValueError):  # it has ended, or can be none
        return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let no other process do the same in ``folder`` meanwhile, where its file system has locks."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # it lacks the folder, or locks
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def saved_sessions(folder: Path) -> list[SavedSession]:
    """Return the sessions that can be continued or came to their end, oldest first.

    Those that are dated in the future, as the clock was set back since, count as the oldest.
    Files that are damaged, and those of versions that did not record conditions, are passed over.
    Raises UsageError if the folder cannot be listed.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.match(RESULTS_FILES))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(
            f"--green-resume: {folder} cannot be listed ({error.strerror}); mend it, or leave the "
            "option out"
        ) from error
    files: dict[str, dict[Path, Json]] = {}
    for path in paths:
        file = _file(path)
        if file is not None:
            files.setdefault(file["session"]["id"], {})[path] = file
    sessions = []
    for name, own in files.items():
        started = next(iter(own.values()))["session"]["started"]
        sessions.append(SavedSession(id=name, started=started, files=own))
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return sorted(sessions, key=lambda session: (session.started <= now, session.started))


def _file(path: Path) -> Json | None:
    try:
        data: Any = read_json(path)
        parsed(data, str(path))
        fields = Fields(data, str(path))
        fields.fields("conclusion").flag("in_a_hurry", default=False)
        return data if _states_conditions(fields.fields("session")) else None
    except (ValueError, UsageError):  # no file of a session that could be continued
        return None


def _states_conditions(session: Fields) -> bool:
    """Check what a session says of itself; raises UsageError or ValueError if it is malformed."""
    conditions = session.fields("conditions")
    if set(conditions.whole()) != {"options", "cells", "code"}:
        return False
    for part in conditions.whole():
        if part not in conditions:  # null
            return False
        conditions.fields(part)
    cells = conditions.fields("cells")
    if not all(cell in cells for cell in cells.whole()):
        return False
    cells.values(Fields.whole)
    session.text("id")
    datetime.fromisoformat(session.text("started"))
    session.each("resumed", Fields.whole)
    process = session.fields("process")
    if process.whole():
        process.integer("pid")
        process.text("boot", "")
        process.number("since_boot_s")
        return process.number("started_s") is not None
    return True
