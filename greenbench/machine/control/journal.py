"""What has to be put back, on disk before anything is set, so that whoever comes later can do it.

A journal is one JSON file: the settings with their values before and after, who set them, and the boot of the machine. It is
there exactly as long as something is owed. Format: ``{"version": 1, "boot": ..., "pid": ..., "uid": ..., "command": ...,
"read_back": ..., "entries": [{"control": {...}, "before": ..., "after": ...}]}``.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import Control, Value, rebuilt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = 1
FOLDER = Path("/", "var", "tmp", "greenbench")
"""Shared by all users, and outlives a restart (Filesystem Hierarchy Standard 3.0, 5.15)."""
OWN = "user-"
"""Beginning of the name of the folder that holds one user's journals."""
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting that is owed."""

    control: Control
    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The settings that one session owes."""

    path: Path
    boot: str
    pid: int
    uid: int
    command: str
    entries: tuple[Entry, ...]
    read_back: bool = False
    """Whether ``after`` is what the devices said, not what was asked of them: drivers round."""

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that it is about."""
        return tuple(sorted({e.control.device for e in self.entries}))

    def write(self) -> None:
        """Put it on disk, whole and for good (fsync of file and folder), or raise UnavailableError."""
        content = {
            "version": VERSION,
            "boot": self.boot,
            "pid": self.pid,
            "uid": self.uid,
            "command": self.command,
            "read_back": self.read_back,
            "entries": [
                {"control": e.control.name, "before": e.before, "after": e.after}
                for e in self.entries
            ],
        }
        fresh = self.path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(0o644)
            fresh.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            raise UnavailableError(
                f"{self.path} cannot be written ({error.strerror}): nothing is set without it"
            ) from error

    def remove(self) -> None:
        """Nothing is owed any more."""
        self.path.unlink(missing_ok=True)
        _sync(self.path.parent)


def folder() -> Path:
    """Return the folder of leases, ``GREENBENCH_STATE`` or one that all users share; raises UnavailableError.

    It must be root's or ours, and where all may write to it nobody may remove what is another's (the sticky bit).
    """
    path = _place()
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o1777)
        found = path.stat()
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be made ({error.strerror}): nothing is set without a journal there"
        ) from error
    if found.st_uid not in {0, os.getuid()} or (
        found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    ):
        raise UnavailableError(
            f"{path} belongs to another user, or all may remove what is there: nothing is set without it"
        )
    return path


def own_folder() -> Path:
    """Return the folder of this user's journals, which nobody else can write to; raises UnavailableError."""
    path = folder() / f"{OWN}{os.getuid()}"
    try:
        path.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be made ({error.strerror}): nothing is set without a journal there"
        ) from error
    if not _trusted(path, {os.getuid()}):
        raise UnavailableError(
            f"{path} is not this user's alone: nothing is set without a journal there; remove it"
        )
    return path


def new(entries: Sequence[Entry]) -> Journal:
    """Return a journal of this process, not yet on disk."""
    return Journal(
        path=own_folder() / f"{os.getpid()}-{uuid.uuid4().hex[:12]}.journal",
        boot=boot(),
        pid=os.getpid(),
        uid=os.getuid(),
        command=" ".join(sys.argv)[:200],
        entries=tuple(entries),
    )


def found() -> Iterator[Journal]:
    """Yield the journals on disk that this user may trust: its own, and root's."""
    for path in sorted(_place().glob(f"{OWN}*")):
        if _trusted(path, {0, os.getuid()}):
            for file in sorted(path.glob("*.journal")):
                if (journal := read(file)) is not None:
                    yield journal


def others() -> list[str]:
    """Say what is owed that this user does not put back: other users' journals, and files that are none."""
    told = []
    for file in sorted(_place().glob(f"{OWN}*/*.journal")):
        if not _trusted(file.parent, {0, os.getuid()}):
            who = file.parent.name.removeprefix(OWN)
            told.append(
                f"{file} says that user {who} left settings changed; greenbench restore, run by that user, puts them back"
            )
        elif read(file) is None and file.exists():
            told.append(
                f"{file} cannot be read as a journal, and may hold what is owed; see what it says, and remove it"
            )
    return told


def read(path: Path) -> Journal | None:
    """Return the journal in ``path``; None where it is gone or not whole."""
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        entries = tuple(
            Entry(control=rebuilt(e["control"]), before=e["before"], after=e["after"])
            for e in content["entries"]
        )
        return Journal(
            path=path,
            boot=content["boot"],
            pid=content["pid"],
            uid=content["uid"],
            command=content["command"],
            entries=entries,
            read_back=content["read_back"],
        )
    except (OSError, ValueError, LookupError, TypeError, UnavailableError):
        return None


def _place() -> Path:
    return Path(os.environ.get("GREENBENCH_STATE") or FOLDER).absolute()


def _trusted(path: Path, owners: set[int]) -> bool:
    """Whether a folder is one of ``owners``' and nobody else can write there: in it, no file is another's."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid in owners
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def boot() -> str:
    """Return the id of this boot of the machine."""
    return BOOT.read_text("ascii").strip() if BOOT.is_file() else "unknown"


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
