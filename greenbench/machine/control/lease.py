"""One session at a time on a device: a locked file for each, which the kernel unlocks at its end.

POSIX record locks (``fcntl(2)``), because they belong to the process: a worker that it forks does
not inherit them. Whoever holds the lease of a device knows that no other session's settings are in
force there: a session that left some has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import struct
import time
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine.control.texts import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PAUSE_S = 0.2
FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
FLOCK = "hhqqi0q"
"""``struct flock`` of fcntl(2): kind, origin, start, length, and the process that holds it."""


class Lease:
    """The leases of some devices. A process must not take the lease of a device twice."""

    def __init__(
        self, folder: Path, devices: Iterable[str], say: Callable[[str], None] = lambda _text: None
    ) -> None:
        """Name the devices; ``say`` gets a message if another session has to be waited for."""
        self._folder = folder
        self._devices = sorted(set(devices))
        self._say = say
        self._files: list[int] = []

    def take(self, *, wait: bool = True) -> bool:
        """Take all of them, or none; return whether they are held now.

        The order is fixed, so that no two sessions wait for each other. Raises UnavailableError if
        the folder allows no lock.
        """
        taken = False
        try:
            taken = self._take_all(wait=wait)
        finally:
            if not taken:
                self.release()
        return taken

    def release(self) -> None:
        """Release all of them."""
        while self._files:
            os.close(self._files.pop())

    def _take_all(self, *, wait: bool) -> bool:
        for device in self._devices:
            path = self._folder / _file_name(device)
            file = _opened(path)
            try:
                _refuse_special_file(file, path)
                locked = self._lock(file, device, wait=wait)
            except OSError as error:  # file systems of a network, and on FUSE, may have no locks
                os.close(file)
                raise _refusal(path, error) from error
            except BaseException:
                os.close(file)
                raise
            if not locked:
                os.close(file)
                return False
            self._files.append(file)
        return True

    def _lock(self, file: int, device: str, *, wait: bool) -> bool:
        """Lock an open file; with ``wait`` as soon as its holder releases it."""
        if _locked(file):
            return True
        if not wait:
            return False
        self._say(f"waiting for {device}: {_holder(file)} has it")
        while not _locked(file):
            time.sleep(PAUSE_S)
        return True


def _file_name(device: str) -> str:
    return re.sub("[^A-Za-z0-9-]+", "_", device) + ".lease"


def _opened(path: Path) -> int:
    """Open a lease file that any user may lock; raises UnavailableError."""
    try:
        return _opened_or_created(path)
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> UnavailableError:
    remedy = ""
    if isinstance(error, PermissionError):
        remedy = f": its owner or root can run: chmod 666 {path}"
    return UnavailableError(
        f"{path} cannot be locked ({error.strerror}); no device is set without a lease{remedy}"
    )


def _opened_or_created(path: Path) -> int:
    # O_CREAT only with O_EXCL: kernels refuse to open other users' files with it in shared folders.
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, FLAGS)
    try:
        file = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, FLAGS)
    os.fchmod(file, 0o666)
    return file


def _refuse_special_file(file: int, path: Path) -> None:
    """Raise UnavailableError unless it is an ordinary file with one name.

    A lock on another file's second name would be one on that file.
    """
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise UnavailableError(
            f"{path} is not an ordinary file, so it is not locked; no device is set without a "
            "lease: remove the file"
        )


def _locked(file: int) -> bool:
    """Whether this process could lock the file now."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _holder(file: int) -> str:
    """Name the session that holds a lease.

    The kernel says which process that is, and nothing is written into the file or read from it:
    what stands in a file that everybody may write could be anybody's.
    """
    import psutil  # here, as the guard waits for nobody

    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        if kind == fcntl.F_UNLCK or pid <= 0:  # released meanwhile, or in another container
            return "another session"
        process = psutil.Process(pid)
        command = " ".join(process.cmdline()) or process.name()
        return f"process {pid} of user {process.uids().real} ({legible(command)})"
    except (OSError, psutil.Error):
        return "another session"
