"""What has to be restored, on disk before anything is set, so that a later process can do it.

A journal is one JSON file: the settings with their values before and after, who set them, and the
boot of the machine. The file exists exactly as long as something has to be restored. Format:
``{"version": 1, "boot": ..., "pid": ..., "uid": ..., "command": ..., "read_back": ...,
"entries": [{"control": {...}, "before": ..., "after": ...}]}``.
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
from greenbench.machine.control.controls import Control, Value, control_from

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

VERSION = 1
FOLDER = Path("/", "var", "tmp", "greenbench")
"""Shared by all users, and kept over a restart (Filesystem Hierarchy Standard 3.0, 5.15)."""
USER_PREFIX = "user-"
"""Beginning of the name of the folder that holds one user's journals."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
WITHOUT_JOURNAL = "no device is set without a journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting that has to be restored."""

    control: Control
    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The settings that one session has to restore."""

    path: Path
    boot: str
    pid: int
    uid: int
    command: str
    entries: tuple[Entry, ...]
    read_back: bool = False
    """Whether ``after`` was read from the devices: drivers round what is requested."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices of its settings, sorted."""
        return tuple(sorted({entry.control.device for entry in self.entries}))

    @property
    def owner(self) -> str:
        """How messages name the session that wrote it."""
        return f"process {self.pid} of user {self.uid} ({self.command})"

    def write(self) -> None:
        """Replace the file as a whole, synced to disk with its folder; raises UnavailableError."""
        fresh = self.path.with_suffix(".new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(self._content(), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            fresh.chmod(0o644)
            fresh.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            raise UnavailableError(
                f"{self.path} cannot be written ({error.strerror}); {WITHOUT_JOURNAL}"
            ) from error

    def remove(self) -> None:
        """Remove the file: everything is restored."""
        self.path.unlink(missing_ok=True)
        _sync(self.path.parent)

    def _content(self) -> dict[str, object]:
        entries = []
        for entry in self.entries:
            identity = entry.control.identity
            entries.append({"control": identity, "before": entry.before, "after": entry.after})
        return {
            "version": VERSION,
            "boot": self.boot,
            "pid": self.pid,
            "uid": self.uid,
            "command": self.command,
            "read_back": self.read_back,
            "entries": entries,
        }


def shared_folder() -> Path:
    """Return the folder of leases, ``GREENBENCH_STATE`` or one for all users, created if needed.

    Raises UnavailableError unless it belongs to root or this user and, if everybody may write to
    it, has the sticky bit, with which nobody can remove the files of others.
    """
    path = _shared_path()
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o1777)
        status = path.stat()
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be created ({error.strerror}); {WITHOUT_JOURNAL}"
        ) from error
    foreign = status.st_uid not in {0, os.getuid()}
    open_to_all = bool(status.st_mode & stat.S_IWOTH)
    sticky = bool(status.st_mode & stat.S_ISVTX)
    if foreign or (open_to_all and not sticky):
        raise UnavailableError(
            f"{path} belongs to another user, or lets everybody remove files; {WITHOUT_JOURNAL}"
        )
    return path


def own_folder() -> Path:
    """Return the folder of this user's journals, created if needed; raises UnavailableError."""
    path = shared_folder() / f"{USER_PREFIX}{os.getuid()}"
    try:
        path.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be created ({error.strerror}); {WITHOUT_JOURNAL}"
        ) from error
    if not _is_private_folder(path, {os.getuid()}):
        raise UnavailableError(
            f"{path} can be written by other users; {WITHOUT_JOURNAL}: remove the folder"
        )
    return path


def new_journal(entries: Sequence[Entry]) -> Journal:
    """Return a journal of this process, not yet on disk; raises UnavailableError."""
    return Journal(
        path=own_folder() / f"{os.getpid()}-{uuid.uuid4().hex[:12]}.journal",
        boot=boot_id(),
        pid=os.getpid(),
        uid=os.getuid(),
        command=" ".join(sys.argv)[:200],
        entries=tuple(entries),
    )


def trusted_journals() -> Iterator[Journal]:
    """Yield the journals on disk that this user may trust: its own, and root's."""
    for folder in sorted(_shared_path().glob(f"{USER_PREFIX}*")):
        if not _is_trusted_folder(folder):
            continue
        for file in sorted(folder.glob("*.journal")):
            journal = read_journal(file)
            if journal is not None:
                yield journal


def unrestorable_journals() -> list[str]:
    """Say which journals this user does not restore: those of others, and unreadable files."""
    messages = []
    for file in sorted(_shared_path().glob(f"{USER_PREFIX}*/*.journal")):
        if not _is_trusted_folder(file.parent):
            user = file.parent.name.removeprefix(USER_PREFIX)
            messages.append(
                f"{file} says that user {user} left settings changed; "
                "greenbench restore, run by that user, restores them"
            )
        elif read_journal(file) is None and file.exists():
            messages.append(
                f"{file} is not a readable journal and may list settings that are still changed: "
                "inspect it, then remove it"
            )
    return messages


def read_journal(path: Path) -> Journal | None:
    """Return the journal in ``path``; None if it is gone or not whole."""
    try:
        return _journal_from(path, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UnavailableError):
        return None


def _journal_from(path: Path, content: Mapping[str, Any]) -> Journal:
    entries = []
    for item in content["entries"]:
        control = control_from(item["control"])
        entries.append(Entry(control=control, before=item["before"], after=item["after"]))
    return Journal(
        path=path,
        boot=content["boot"],
        pid=content["pid"],
        uid=content["uid"],
        command=content["command"],
        entries=tuple(entries),
        read_back=content["read_back"],
    )


def _shared_path() -> Path:
    return Path(os.environ.get("GREENBENCH_STATE") or FOLDER).absolute()


def _is_trusted_folder(path: Path) -> bool:
    """Whether a folder belongs to this user or root, and nobody else can write to it."""
    return _is_private_folder(path, {0, os.getuid()})


def _is_private_folder(path: Path, owners: Collection[int]) -> bool:
    """Whether a folder, no link, belongs to one of ``owners`` and nobody else can write to it."""
    try:
        status = path.lstat()
    except OSError:
        return False
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(status.st_mode) or writable_by_others:
        return False
    return status.st_uid in owners


def boot_id() -> str:
    """Return the id of this boot of the machine."""
    return BOOT_ID.read_text("ascii").strip() if BOOT_ID.is_file() else "unknown"


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
