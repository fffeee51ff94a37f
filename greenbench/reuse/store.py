"""The cache of stages on disk: a folder for each run, named by the SHA-256 of all that decides it.

An entry is written under another name and renamed once it is whole. What it holds is checked
against its checksums whenever it is read; a damaged one is removed. Writers take turns by a lock
that the kernel releases (``flock(2)``), readers need none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.data.ordinary_files import read_bytes
from greenbench.data.places import cache
from greenbench.errors import UsageError
from greenbench.results.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from greenbench.results.record import Json

FORMAT = 2
"""Of an entry; those of another one are damaged."""
LIMIT = "GREENBENCH_REUSE_GIB"
"""The environment variable that bounds the cache."""
DEFAULT_GIB = 4.0
GIB = 1 << 30
MOST_BYTES = 1 << 40
FACTS, MADE = "entry.json", "made.safetensors"
UNFINISHED = ".unfinished-"
NAME_LENGTH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """One entry of the cache."""

    key: str
    folder: Path
    bytes: int
    used_s: float
    """When it was last used, in seconds since the epoch."""

    @property
    def stage(self) -> str:
        """The stage that was kept; empty if the entry does not say so in words."""
        try:
            facts = read_json(self.folder / FACTS)
        except ValueError:
            return ""
        key = facts.get("key") if isinstance(facts, dict) else None
        stage = key.get("stage") if isinstance(key, dict) else None
        return stage if isinstance(stage, str) else ""


def digest(value: object) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def limit_bytes() -> int:
    """Return how many bytes the cache may take; raises UsageError."""
    text = os.environ.get(LIMIT, "")
    try:
        gib = float(text) if text else DEFAULT_GIB
    except ValueError:
        gib = -1.0
    if not 0 <= gib < MOST_BYTES / GIB:
        raise UsageError(f"{LIMIT}: found {text!r}; give a number of GiB from 0, like 4")
    return int(gib * GIB)


class StageCache:
    """The kept stages of a user."""

    def __init__(self, folder: Path | None = None, limit: int | None = None) -> None:
        """Keep them in ``folder``, by default in the user's cache, up to ``limit`` bytes.

        Nothing is made before the first is kept.
        """
        self.folder = cache() / "stages" if folder is None else folder
        self.limit = limit_bytes() if limit is None else limit

    def find(self, key: str) -> tuple[Json, bytes] | None:
        """Return facts and contents of ``key``, and note its use; None if there is none.

        A damaged entry is removed. Raises OSError for a folder that cannot be read.
        """
        folder = self.folder / key
        try:
            found = _read(folder)
        except (FileNotFoundError, NotADirectoryError):
            if not folder.exists():
                return None
            found = None
        if found is None:
            self.remove(key)
            return None
        with contextlib.suppress(FileNotFoundError):  # another session has removed it
            os.utime(folder)
        return found

    def keep(
        self, key: str, facts: Json, write: Callable[[Path], None], *, replace: bool = False
    ) -> None:
        """Keep a stage; ``write`` writes what it made into the file that it is given.

        The least recently used ones are removed until all fit. One that is there stays, unless it
        is to be replaced. Raises OSError if it cannot be written or is too large; nothing of it is
        left then.
        """
        with self._turn():
            self._remove_unfinished()
            if (self.folder / key).exists() and not replace:
                return
            unfinished = self.folder / f"{UNFINISHED}{os.getpid()}"
            try:
                unfinished.mkdir(mode=0o700)
                write(unfinished / MADE)
                _complete(unfinished, facts, self.limit)
                self._remove(self.folder / key)
                unfinished.rename(self.folder / key)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
            self._evict(spared=key)

    def entries(self) -> list[CacheEntry]:
        """Return what is kept, the most recently used first."""
        kept = []
        for folder in self._folders():
            with contextlib.suppress(FileNotFoundError):  # another session has removed it
                used = folder.stat().st_mtime
                kept.append(
                    CacheEntry(key=folder.name, folder=folder, bytes=_bytes(folder), used_s=used)
                )
        return sorted(kept, key=lambda entry: -entry.used_s)

    def facts(self, key: str) -> Json | None:
        """Return what an entry says of itself, its contents checked too; None if it is damaged."""
        with contextlib.suppress(FileNotFoundError):
            found = _read(self.folder / key)
            return None if found is None else found[0]
        return None

    def remove(self, key: str) -> None:
        """Remove one entry, if it is there; raises OSError."""
        with self._turn():
            self._remove(self.folder / key)

    def clear(self) -> int:
        """Remove all entries and return their number; raises OSError."""
        if not self.folder.exists():
            return 0
        with self._turn():
            self._remove_unfinished()
            folders = self._folders()
            for folder in folders:
                self._remove(folder)
        return len(folders)

    def _folders(self) -> list[Path]:
        if not self.folder.exists():
            return []
        return [path for path in self.folder.iterdir() if len(path.name) == NAME_LENGTH]

    def _evict(self, spared: str) -> None:
        """Remove the least recently used entries until the others fit; needs the turn."""
        entries = self.entries()
        total = sum(entry.bytes for entry in entries)
        for entry in reversed(entries):
            if total > self.limit and entry.key != spared:
                self._remove(entry.folder)
                total -= entry.bytes

    def _remove(self, folder: Path) -> None:
        """Remove a folder: out of the way of readers first; needs the turn."""
        unfinished = self.folder / f"{UNFINISHED}{os.getpid()}-removed"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(unfinished)
            shutil.rmtree(unfinished)

    def _remove_unfinished(self) -> None:
        """Remove what killed writers left behind; whoever has the turn is the only writer."""
        for path in self.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(path)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _complete(unfinished: Path, facts: Json, most: int) -> None:
    """Write the facts beside the contents, with the checksums of both, and wait for the disk."""
    made = unfinished / MADE
    with made.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    stated = {**facts, "format": FORMAT, "made_sha256": sha256}
    text = json.dumps({**stated, "sha256": digest(stated)}, indent=1)
    with (unfinished / FACTS).open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    size = _bytes(unfinished)
    if size > most:
        limit = f"the cache may take {most / GIB:g} GiB ({LIMIT})"
        raise OSError(errno.EFBIG, f"it takes {size / GIB:.3g} GiB, and {limit}")


def _read(folder: Path) -> tuple[Json, bytes] | None:
    """Return facts and contents; None if they are not what was written.

    Raises OSError for files that are not there or cannot be read.
    """
    file = folder / MADE
    contents = read_bytes(file, file.stat().st_size)
    if not (folder / FACTS).exists():
        return None
    try:
        facts = read_json(folder / FACTS)
    except ValueError:
        return None
    if not isinstance(facts, dict):
        return None
    stated = {name: value for name, value in facts.items() if name != "sha256"}
    sound = (
        stated.get("format") == FORMAT
        and digest(stated) == facts.get("sha256")
        and digest(stated.get("key")) == folder.name
        and hashlib.sha256(contents).hexdigest() == stated.get("made_sha256")
    )
    return (stated, contents) if sound else None


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
