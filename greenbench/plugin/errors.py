"""Shows greenbench's own errors as pytest shows usage errors: their sentence, no traceback."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import GreenbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Turn our own errors into pytest's usage error: exit code 4, the sentences, no traceback."""
    try:
        yield
    except GreenbenchError as error:
        raise pytest.UsageError(str(error)) from error


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Fail a test with our own error's sentence alone."""
    try:
        yield
    except GreenbenchError as error:
        raise pytest.fail.Exception(
            str(error), pytrace=False
        ) from None  # a chain of both would print it twice
