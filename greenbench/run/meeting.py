"""Where the processes of one session meet: a folder with their locks and what they remember.

Locks of ``flock(2)`` go with their processes, however these end. So workers notice the end of the
process that started them, and the next session those that still measure for nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "greenbench-workers-"
OWNER, WORKERS, STOP = "owner", "workers", "stop"
"""Files: locked by the folder's maker; locked by its workers; there once these are to stop."""
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
FRESH_S = 60.0
"""So old is what was left unlocked by a process that was killed while it made the folder."""
PATIENCE_S = 20.0
"""Workers whose session was killed end within it, or hang."""
PAUSE_S = 0.1


class MeetingFolder:
    """The folder, as the process that starts workers has it."""

    def __init__(self) -> None:
        """Make it, for this user alone; raises UsageError if that fails."""
        try:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            unlocked = self.path / "new"
            self._lock: int | None = _locked(unlocked, fcntl.LOCK_EX)
            unlocked.rename(self.path / OWNER)
        except OSError as error:
            raise UsageError(
                f"-n: workers meet in a folder for temporary files, and none can be made "
                f"({error.strerror or error}); set TMPDIR to a folder that takes files"
            ) from error

    def request_stop(self) -> None:
        """Let workers begin no further test."""
        (self.path / STOP).touch()

    def end(self) -> None:
        """Let workers that still run a test end at once."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remove(self) -> None:
        """Remove it, once no worker is left."""
        self.end()
        shutil.rmtree(self.path, ignore_errors=True)


class Membership:
    """What a worker has of the folder: a lock for as long as it lives, and an eye on the owner."""

    def __init__(self, folder: Path, orphaned: Callable[[], None]) -> None:
        """Join; ``orphaned`` is called in another thread when the owner ends before ``leave``."""
        self._folder = folder
        self._lock = _locked(folder / WORKERS, fcntl.LOCK_SH)  # until this process ends
        self._orphaned = orphaned
        self._left = False
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def is_to_stop(self) -> bool:
        """Whether no further test is to begin."""
        return (self._folder / STOP).exists()

    def leave(self) -> None:
        """Care no more whether the owner ends: this worker has ended its tests."""
        self._left = True

    def _watch(self) -> None:
        with contextlib.suppress(OSError):  # the folder is gone, and so is the owner
            os.close(_locked(self._folder / OWNER, fcntl.LOCK_SH, flags=os.O_RDWR | os.O_CLOEXEC))
        if not self._left:
            self._orphaned()


def remove_leftovers(show: Callable[[str], None]) -> None:
    """Wait for workers of this user whose session was killed, and remove their folders.

    ``show`` tells a person what is waited for, ``PATIENCE_S`` at most.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, gone meanwhile, or another user's
            if folder.stat().st_uid == os.geteuid() and _is_ownerless(folder):
                _wait_for_workers(folder, show)
                shutil.rmtree(folder)


def _is_ownerless(folder: Path) -> bool:
    """Whether the process that made a folder has ended; raises BlockingIOError while it lives."""
    if not (folder / OWNER).exists():
        return time.time() - folder.stat().st_mtime > FRESH_S
    os.close(_locked(folder / OWNER, fcntl.LOCK_SH | fcntl.LOCK_NB))
    return True


def _wait_for_workers(folder: Path, show: Callable[[str], None]) -> None:
    """Return once no worker is left; raises BlockingIOError if one stays."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            os.close(_locked(folder / WORKERS, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            show("waiting for workers of a session that was killed: they would be measured too")
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def _locked(file: Path, lock: int, *, flags: int = FLAGS) -> int:
    """Open and lock a file, and return its handle; raises OSError."""
    handle = os.open(file, flags, 0o600)
    try:
        fcntl.flock(handle, lock)
    except OSError:
        os.close(handle)
        raise
    return handle
