"""How errors are shown: greenbench's own as a sentence without traceback, others made safe."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import GreenbenchError, explained_paths
from greenbench.report.texts import error_text, printable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turn our own errors into pytest's usage error: exit code 4, the sentences, no traceback."""
    try:
        with explained_paths():
            yield
    except GreenbenchError as error:
        raise pytest.UsageError(error_text(error)) from error


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Fail a test with our own error's sentence alone."""
    try:
        yield
    except GreenbenchError as error:
        raise pytest.fail.Exception(
            error_text(error), pytrace=False
        ) from None  # a chain of both would print it twice


def make_safe(report: pytest.TestReport) -> None:
    """Escape what the exceptions of a failed cell say: a library's may quote data or a checkpoint.

    pytest prints their messages as they are, in tracebacks and in the line at the end.
    """
    longrepr: Any = report.longrepr
    for traceback, location, _ in getattr(longrepr, "chain", ()):
        for entry in traceback.reprentries:
            entry.lines = [printable(line.expandtabs()) for line in entry.lines]
        if location is not None:
            location.message = "\n".join(map(printable, location.message.split("\n")))
