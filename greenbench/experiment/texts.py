"""Reads text files, and suggests the word that was meant, for every reader of the experiment."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from greenbench.data.ordinary_files import read_bytes
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MOST_BYTES = 1 << 24
"""The longest experiment.md, config.yaml or README.md that is read."""


def read_text(path: Path, name: str) -> str:
    """Return the text of ``path``, without a byte order mark; messages call the file ``name``.

    Raises UsageError if the file cannot be opened, or is not UTF-8 (with the first bad line).
    """
    try:
        raw = read_bytes(path, MOST_BYTES)
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); it must be a text file"
        raise UsageError(f"{name}:1: {reason}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        reason = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise UsageError(f"{name}:{line}: {reason}") from error


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` with the closest of ``known``, or nothing if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
