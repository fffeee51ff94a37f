"""The errors that people read: each message is one or more sentences and needs no traceback.

Any other exception that reaches a user is a bug.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class GreenbenchError(Exception):
    """Base class of all errors that greenbench raises on purpose."""


class UsageError(GreenbenchError):
    """The call, an option or a file is wrong.

    The message says where, what was found, what is allowed and what to do.
    """


class UnavailableError(GreenbenchError):
    """This machine lacks something required: a network, a device, a package, a data set."""


class Disagreements(UsageError):
    """Several usage errors, found in one pass so that they can be fixed in one."""

    def __init__(self, problems: list[str]) -> None:
        """Keep ``problems``, one sentence each, in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@contextlib.contextmanager
def explained_paths() -> Iterator[None]:
    """Raise UsageError for a path that the system refuses: too long, forbidden, a full disk.

    An OSError that names no path passes: it is a closed pipe, or a bug.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        raise UsageError(
            f"{error.filename}: {error.strerror}; give a path that this user can read and write"
        ) from error
