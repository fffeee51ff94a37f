"""Writes results files: one a variant and session, appended cell by cell with an atomic replace.

A file is valid JSON at any moment. There is one writer only: the recorder of the session's
controlling process. ``results.loading`` reads them back.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.options import Options, differences
from greenbench.results.carbon import with_grams
from greenbench.results.record import SCHEMA, Json, builtin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


STAMP = "%Y%m%dT%H%M%SZ"
RESULTS_FILES = "[VFK]*_*Z.json"
"""Of the names of results files: of a folder's variant, a combination of stages, or a knob."""
AGAIN = "measured several times in this session; this is the last attempt"
PREFIX, SUFFIX = ".greenbench-", ".tmp"
"""Of files that replace others once they are finished."""
PROBE_BYTES = 1 << 20
"""Free space that the results folder must have before the first cell; a record takes some 10 kB."""
WITHOUT_LINKS = frozenset(
    {
        *(errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES),
        *(errno.EINVAL, errno.EMLINK, errno.EXDEV),
    }
)
"""How file systems say that they have no hard links: exFAT, FAT, 9p, SMB and those on FUSE."""
WITHOUT_SYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})
FUTURE_S = 60.0
"""The clocks of a file server and of this machine differ by less."""
MEMORY = Path("/dev/shm")  # noqa: S108  files are made in a folder of their own


def check_folder(folder: Path, variants: Iterable[str] = ()) -> None:
    """Make ``folder`` and do in it, before the first cell, what the results will need.

    Raises UsageError if that fails, or if the file of one of ``variants`` cannot be named.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_out(folder / f"{PREFIX}{uuid.uuid4().hex[:12]}{SUFFIX}")
    except OSError as error:
        raise UsageError(
            f"{folder}: results cannot be written here ({error.strerror or error}); "
            "free or mend it, or give another folder with --green-results"
        ) from error
    for variant in variants:
        try:
            file_name(folder, variant, now_stamp()).exists()
        except OSError as error:
            raise UsageError(
                f"{folder}: the results file of {variant} cannot be named here ({error.strerror}); "
                "give the variant a shorter name, or another folder with --green-results"
            ) from error


def _try_out(path: Path) -> None:
    """Make a file as the first cell does, and replace it as further ones do; raises OSError."""
    text = " " * PROBE_BYTES
    try:
        if not _made(path, text):
            raise OSError(errno.EEXIST, "a file that was not made is there")
        write_atomically(path, text)
        if path.stat().st_size != len(text):
            raise OSError(errno.EIO, "what was written is not what is there")
    finally:
        path.unlink(missing_ok=True)


def file_name(folder: Path, variant: str, stamp: datetime) -> Path:
    """Return the path of a variant's results file."""
    return folder / f"{variant}_{stamp.strftime(STAMP)}.json"


def now_stamp() -> datetime:
    """Return the time that names a session's files, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def remove_half_written(folder: Path, before: float) -> None:
    """Remove what killed sessions left half-written in ``folder`` before a time, in epoch seconds.

    Others' files are half-written for milliseconds; one that is dated in the future is from before
    the clock was set back. Raises OSError.
    """
    future = time.time() + FUTURE_S
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        if not before <= path.stat().st_mtime <= future:
            path.unlink(missing_ok=True)


class Recorder:
    """Writes the results files of one session."""

    def __init__(self, folder: Path, started: datetime, header: Mapping[str, Any]) -> None:
        """``header`` is what all files of the session share: profile, session, environment."""
        self._folder, self._started, self._header = folder, started, dict(header)
        self._runs: dict[str, dict[str, Any]] = {}
        self._paths: dict[str, Path] = {}
        self._copies: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files written so far."""
        return tuple(self._paths.values())

    def note(self, facts: Mapping[str, Any]) -> None:
        """Add ``facts`` to what the session's files share, before the first of them is written."""
        self._header |= builtin(facts)

    def adopt(self, files: Mapping[Path, dict[str, Any]]) -> None:
        """Continue the files of a session that was killed, and write them as they are given.

        Raises OSError.
        """
        for path, run in files.items():
            variant = run["variant"]
            self._runs[variant], self._paths[variant] = run, path
            self._write(variant)

    def conclude(self, **facts: Any) -> None:
        """Add the session's end (``conclusion``, ``gates``) to all its files.

        Raises OSError, once all were tried.
        """
        errors = []
        for variant, run in self._runs.items():
            run.update(builtin(facts))
            try:
                self._write(variant)
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def append(self, record: Json, options: Options) -> Path:
        """Add a cell's record to the file of its variant, which has ``options``.

        Raises OSError if it cannot be written; the next writing of the file has the record too.
        """
        variant = record["variant"]
        run = self._runs.setdefault(variant, self._run(variant, options))
        run["energy_sources"] |= record["energy_sources"]
        run["cells"] = _with_latest(run["cells"], record)
        return self._write(variant)

    def copy_elsewhere(self, variant: str) -> Path:
        """Write the file of ``variant`` to a folder for temporary files, on disk or in memory.

        For records that the results folder does not take: all of a session are in one folder, which
        can be compared. Raises OSError if no folder takes them.
        """
        name = file_name(Path(), variant, self._started).name
        if self._copies is None:
            copy = _copy_of(self._text(variant), name)
            self._copies = copy.parent
        else:
            copy = self._copies / name
            write_atomically(copy, self._text(variant))
        return copy

    def _write(self, variant: str) -> Path:
        path = self._paths.get(variant)
        if path is None:
            path = self._paths[variant] = self._claim(variant, self._text(variant))
        else:
            write_atomically(path, self._text(variant))
        return path

    def _text(self, variant: str) -> str:
        return json.dumps(with_grams(self._runs[variant]), indent=1, allow_nan=False)

    def _run(self, variant: str, options: Options) -> dict[str, Any]:
        own = {"options": builtin(options), "differs_from_baseline": builtin(differences(options))}
        later: dict[str, Any] = {"energy_sources": {}, "cells": [], "conclusion": None}
        return {"schema": SCHEMA, "variant": variant, **own, **self._header, **later}

    def _claim(self, variant: str, text: str) -> Path:
        """Take a file name that no other session has; sessions of one second get the next ones."""
        stamp = self._started
        while True:
            path = file_name(self._folder, variant, stamp)
            if _made(path, text):
                return path
            stamp += timedelta(seconds=1)


def _copy_of(text: str, name: str) -> Path:
    try:
        return _copy_in(Path(tempfile.gettempdir()), text, name)
    except OSError:  # often it is on the disk that is full
        return _copy_in(MEMORY, text, name)


def _copy_in(place: Path, text: str, name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="greenbench-", dir=place))
    try:
        write_atomically(folder / name, text)
    except OSError:
        folder.rmdir()
        raise
    return folder / name


def _made(path: Path, text: str) -> bool:
    """Make ``path`` with its whole text; return False if the name is taken. Raises OSError."""
    with _written(path, text) as finished:
        try:
            path.hardlink_to(finished)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in WITHOUT_LINKS:
                raise
            return _moved(finished, path)
    return True


def _moved(finished: Path, path: Path) -> bool:
    """Reserve ``path`` with an empty file and replace that; return False if the name is taken."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    except FileExistsError:
        return False
    try:
        finished.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _with_latest(cells: Sequence[Json], record: Json) -> list[Json]:
    """Return ``cells`` with ``record`` in place of an earlier attempt at the same cell."""
    others = [cell for cell in cells if cell["id"] != record["id"]]
    earlier = [cell for cell in cells if cell["id"] == record["id"]]
    doubts = record.get("doubts", [])
    if earlier and not continues(record, earlier[0]) and AGAIN not in doubts:
        record = {**record, "doubts": [*doubts, AGAIN]}
    return [*others, record]


def continues(record: Json, earlier: Json) -> bool:
    """Whether ``record`` goes on from ``earlier``, which was written a block before.

    It has all of its rounds and further ones, or an error that ended them.
    """
    rounds = earlier["rounds"]
    longer = len(record["rounds"]) > len(rounds)
    ended = bool(rounds) and record["error"] is not None and earlier["error"] is None
    return (longer or ended) and all(one_round in record["rounds"] for one_round in rounds)


@contextlib.contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """Give a finished file with ``text`` beside ``path``; remove what is left of it at the end."""
    with _beside(path) as (file, finished):
        file.write(text.encode("utf-8"))
        _finish(file, finished)
        yield finished


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write, which takes the place of ``path`` if nothing is raised meanwhile."""
    with _beside(path) as (file, finished):
        yield file
        _finish(file, finished)
        finished.replace(path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Give an empty file beside ``path``, and its own path; remove what is left at the end."""
    # A short name: one made of path's own could be too long where path's is not.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=PREFIX, suffix=SUFFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _finish(file: IO[bytes], path: Path) -> None:
    """Write all of a file to disk and let everybody read it; raises OSError."""
    file.flush()
    _sync(file.fileno())
    file.close()
    with contextlib.suppress(OSError):  # where a file system decides itself who may read it
        path.chmod(0o644)


def _sync(file: int) -> None:
    """Write a file's contents to disk, where the file system knows how to; raises OSError."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in WITHOUT_SYNC:
            raise


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` as a whole: a reader, or a crash, sees the old text or the new one."""
    with _written(path, text) as finished:
        finished.replace(path)
