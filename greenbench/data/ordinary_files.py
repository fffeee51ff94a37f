"""Reads files that anybody may have put there: waits for no pipe, follows no endless device."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Without O_NONBLOCK opening a pipe would wait for somebody who writes to it."""


def read_bytes(path: Path, most: int, *, links: bool = True) -> bytes:
    """Return what an ordinary file holds, at most ``most`` bytes; ``links`` are followed or not.

    Raises OSError, whose ``strerror`` is a clause, for whatever else is there.
    """
    flags = FLAGS if links else FLAGS | os.O_NOFOLLOW
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123  a descriptor
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
        contents = b""
        if status.st_size <= most:
            contents = file.read(status.st_size + 1)  # to ask for more would allocate all of it
            if len(contents) > status.st_size:  # files of the kernel state no size, others may grow
                contents += file.read(most + 1 - len(contents))
    if max(status.st_size, len(contents)) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return contents
