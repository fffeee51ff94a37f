"""One session at a time on a device: a lock on a file for each, which ends with the process that holds it.

POSIX record locks (``fcntl(2)``), because they belong to the process: a worker forked by it does not hold them on. Whoever has
the lease of a device knows that nobody else's settings are in force there: who had set some is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import sys
import time
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PAUSE_S = 0.2


class Lease:
    """The leases of some devices, while the context is open. Not to be taken twice in one process for the same device."""

    def __init__(
        self, folder: Path, devices: Iterable[str], say: Callable[[str], None] = lambda _text: None
    ) -> None:
        """Name the devices; ``say`` is told for whom is waited."""
        self._paths = [
            folder / f"{re.sub('[^A-Za-z0-9-]+', '_', d)}.lease" for d in sorted(set(devices))
        ]
        self._names = sorted(set(devices))
        self._say = say
        self._files: list[int] = []

    def take(self, *, wait: bool = True) -> bool:
        """Take all of them, in a fixed order so that no two sessions wait for each other; say whether they are held now.

        Raises UnavailableError where the folder does not let a lock be made.
        """
        held = False
        try:
            held = all(
                self._take(d, p, wait=wait) for d, p in zip(self._names, self._paths, strict=True)
            )
        finally:
            if not held:
                self.release()
        return held

    def release(self) -> None:
        """Give all back."""
        while self._files:
            file = self._files.pop()
            with contextlib.suppress(OSError):
                os.ftruncate(file, 0)
            os.close(file)

    def _take(self, device: str, path: Path, *, wait: bool) -> bool:
        file = _opened(path)
        if not _plain(file):
            os.close(file)
            raise UnavailableError(
                f"{path} is no ordinary file, and is not locked: nothing is set without it; remove it"
            )
        told = False
        while not _locked(file):
            if not wait:
                os.close(file)
                return False
            if not told:
                self._say(f"waiting for {device}: {_holder(file)} has it")
                told = True
            time.sleep(PAUSE_S)
        self._files.append(file)
        command = " ".join(sys.argv)[:120]
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} of user {os.getuid()} ({command})".encode(), 0)
        return True


def _opened(path: Path) -> int:
    """Open a lock file that any user may lock; made with O_EXCL, for kernels that protect files in shared folders."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        try:
            made = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return os.open(path, flags)
        os.fchmod(made, 0o666)
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be locked ({error.strerror}): nothing is set without it"
        ) from error
    return made


def _plain(file: int) -> bool:
    """Whether an open file is an ordinary one with a single name: no other file is emptied in its place."""
    found = os.fstat(file)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _locked(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _holder(file: int) -> str:
    return os.pread(file, 400, 0).decode("utf-8", "replace") or "another session"
