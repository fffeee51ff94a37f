"""Turns among the worker processes of one session: a lock that the kernel releases.

POSIX record locks (``fcntl(2)``) belong to the process: what it starts does not inherit them, and
however it ends, the next process gets its turn.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
TURN, WAITING = 0, 1
"""Bytes of the file: that of the turn, and the first of those of numbers that wait for it."""
LAST = 1 << 30
"""A number that lets all others go before, and that several may wait by, one after the other."""


class Turn:
    """A lock on a file; of the processes that wait for it, the one of the lowest number is next.

    A process must not take it a second time while it holds it.
    """

    def __init__(self, file: Path) -> None:
        """Lock ``file``, which is made at the first turn."""
        self._file = file

    @contextlib.contextmanager
    def taken(self, number: int = LAST) -> Iterator[None]:
        """Wait for the turn, and keep it for the block; ``number`` is its own."""
        handle = os.open(self._file, FLAGS, 0o600)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX, 1, WAITING + number)
            fcntl.lockf(handle, fcntl.LOCK_EX, 1, TURN)
            while number and _lower_ones_wait(handle, number):
                fcntl.lockf(handle, fcntl.LOCK_UN, 1, TURN)
                fcntl.lockf(handle, fcntl.LOCK_EX, number, WAITING)  # once they have had their turn
                fcntl.lockf(handle, fcntl.LOCK_UN, number, WAITING)
                fcntl.lockf(handle, fcntl.LOCK_EX, 1, TURN)
            fcntl.lockf(handle, fcntl.LOCK_UN, number + 1, WAITING)
            yield
        finally:
            os.close(handle)  # which releases all locks


def _lower_ones_wait(handle: int, number: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, number, WAITING)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        return True
    return False
