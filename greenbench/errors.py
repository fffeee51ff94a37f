"""The errors a person is meant to read: one sentence each, no traceback. Anything else that escapes is a bug."""

from __future__ import annotations


class GreenbenchError(Exception):
    """Base of all errors that greenbench raises on purpose."""


class UsageError(GreenbenchError):
    """The call, an option or a file is wrong: who, found what, allowed what, do what."""


class UnavailableError(GreenbenchError):
    """Something that is asked for cannot be had here: a network, a device, a package, a data set."""


class Disagreements(UsageError):
    """Several usage errors found in one pass, so that a person mends them in one go."""

    def __init__(self, problems: list[str]) -> None:
        """Hold ``problems``, one sentence each, in the order they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))
