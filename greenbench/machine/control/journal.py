"""What has to be restored, on disk before anything is set, so that a later process can do it.

A journal is one JSON file: the settings with their values before and after, who set them, and the
boot of the machine. The file exists exactly as long as something has to be restored. Format:
``{"version": 1, "boot": ..., "pid": ..., "uid": ..., "command": ..., "read_back": ...,
"entries": [{"control": {...}, "before": ..., "after": ...}]}``.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.data.ordinary_files import read_bytes
from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import Control, Value, control_from
from greenbench.machine.control.state_folder import (
    USER_PREFIX,
    WITHOUT_JOURNAL,
    is_trusted,
    own_folder,
    user_folders,
)
from greenbench.machine.control.texts import legible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERSION = 1
MOST_BYTES = 1 << 20
"""A journal of a setting for each of 1,000 CPUs has 200 kB."""
LONGEST_TEXT = 1000
"""Characters of a path or a value; those of a kernel have some 100."""
MOST_NAMED = 3
"""Journals of another user that a message names."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


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
            # At first for this user alone: a folder's default ACL may let others write new files.
            with open(os.open(fresh, NEW_FILE, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
                json.dump(self._content(), file, indent=1)
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
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


def new_journal(entries: Sequence[Entry]) -> Journal:
    """Return a journal of this process, not yet on disk; raises UnavailableError."""
    return Journal(
        path=own_folder() / f"{os.getpid()}-{uuid.uuid4().hex[:12]}.journal",
        boot=boot_id(),
        pid=os.getpid(),
        uid=os.getuid(),
        command=legible(" ".join(sys.argv)),
        entries=tuple(entries),
    )


def trusted_journals() -> Iterator[Journal]:
    """Yield the journals on disk that this user may trust: its own, and root's."""
    for folder in user_folders():
        if not is_trusted(folder):
            continue
        for file in sorted(folder.glob("*.journal")):
            journal = read_journal(file)
            if journal is not None:
                yield journal


def unrestorable_journals() -> list[str]:
    """Say which journals this user does not restore: those of others, and unreadable files."""
    messages = []
    for folder in user_folders():
        if not is_trusted(folder):
            messages += _of_another_user(folder)
            continue
        for file in sorted(folder.glob("*.journal")):
            if read_journal(file) is None and os.path.lexists(file):
                messages.append(
                    f"{file.parent}/{legible(file.name)} is not a readable journal and may list "
                    "settings that are still changed: inspect it, then remove it"
                )
    return messages


def _of_another_user(folder: Path) -> list[str]:
    """Say in a sentence that ended sessions of another user left journals in ``folder``."""
    names = []
    for file in sorted(folder.glob("*.journal")):
        if not _is_running(file):
            names.append(legible(file.name))
    if not names:
        return []
    shown = ", ".join(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        shown += f" and {len(names) - MOST_NAMED} more"
    user = folder.name.removeprefix(USER_PREFIX)
    changed = f"{folder} ({shown}) says that user {user} left settings changed"
    return [f"{changed}; greenbench restore, run by that user, restores them"]


def _is_running(file: Path) -> bool:
    """Whether the process that a journal's name states runs here, for the owner of its folder."""
    pid = file.name.partition("-")[0]
    if not (pid.isascii() and pid.isdigit()):
        return False
    try:
        return Path("/proc", pid).stat().st_uid == file.parent.stat().st_uid
    except OSError:
        return False


def read_journal(path: Path) -> Journal | None:
    """Return the journal in ``path``; None if it is gone, no ordinary file or not whole."""
    try:
        content = json.loads(read_bytes(path, MOST_BYTES, links=False).decode("utf-8"))
        return _journal_from(path, content)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UnavailableError):
        return None
    except RecursionError:  # lists within lists
        return None


def _journal_from(path: Path, content: Mapping[str, Any]) -> Journal:
    entries = []
    for item in content["entries"]:
        control = control_from({key: _text(name) for key, name in item["control"].items()})
        before, after = _value(item["before"]), _value(item["after"])
        entries.append(Entry(control=control, before=before, after=after))
    if not entries:
        raise ValueError("a journal lists what has to be restored")
    return Journal(
        path=path,
        boot=_text(content["boot"]),
        pid=_whole_number(content["pid"]),
        uid=_whole_number(content["uid"]),
        command=legible(content["command"]),
        entries=tuple(entries),
        read_back=content["read_back"] is True,
    )


def _value(found: object) -> Value:
    """Return a value of a setting; raises ValueError for anything else."""
    if found is None:
        return None
    if isinstance(found, list):
        return [_whole_number(number) for number in found]
    return _text(found) if isinstance(found, str) else _whole_number(found)


def _text(found: object) -> str:
    """Return a text that can be shown on a terminal as it is; raises ValueError for another."""
    if isinstance(found, str) and found.isprintable() and len(found) <= LONGEST_TEXT:
        return found
    raise ValueError("it is no short printable text")


def _whole_number(found: object) -> int:
    if isinstance(found, int):
        return found
    raise ValueError("it is no whole number")


def boot_id() -> str:
    """Return the id of this boot of the machine."""
    return BOOT_ID.read_text("ascii").strip() if BOOT_ID.is_file() else "unknown"


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
