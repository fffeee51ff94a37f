"""Folders of sandboxes: locked while they are in use, removed afterwards, whoever was killed.

A session that is killed (SIGKILL) removes nothing. Its locks go with it, and so the next session
knows which folders nobody uses any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "sandbox-"
FRESH_SECONDS = 60.0
"""So old at least is what is removed: another session may not have locked or used it yet."""


@contextlib.contextmanager
def locked_folder() -> Iterator[Path]:
    """Make a folder for one sandbox, and remove it afterwards with all that is in it.

    The first one also removes those that killed sessions of this user left beside it.
    """
    remove_leftovers(tempfile.gettempdir())
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name).resolve()
        lock = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, lock)  # once the folder is removed
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@functools.cache
def remove_leftovers(place: str) -> None:
    """Remove the folders below ``place`` that are this user's, not fresh, and locked by nobody."""
    for folder in Path(place).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # gone, another user's, or no folder: not ours to remove
            _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(lock)
        if status.st_uid == os.geteuid() and is_old(status.st_mtime):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError while it is in use
            shutil.rmtree(folder)
    finally:
        os.close(lock)


def is_old(modified: float) -> bool:
    """Whether what was made at ``modified`` (seconds since 1970) would be in use by now."""
    return time.time() - modified > FRESH_SECONDS
