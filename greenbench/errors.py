"""The errors that people read: each message is one or more sentences and needs no traceback.

Any other exception that reaches a user is a bug.
"""

from __future__ import annotations


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
