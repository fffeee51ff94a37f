"""A program as every layout yields it, and the names that data sets give to languages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.program_tests import Tests

NAMES: Mapping[str, Sequence[str]] = {
    "java": ("java",),
    "python": ("python", "py", "python3"),
    "cs": ("cs", "c#", "csharp"),
    "c": ("c",),
    "cpp": ("cpp", "c++"),
    "go": ("go", "golang"),
    "javascript": ("javascript", "js"),
}
"""Language, a key of ``languages.LANGUAGES``, to its names in data sets, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """A program that solves one problem in one language."""

    problem: str
    """The same for all programs that are translations of each other."""
    language: str
    """A key of ``NAMES``, or the data's own name in lower case for any other language."""
    text: str
    tests: Tests | None = None


@dataclass(slots=True, kw_only=True)
class Solutions:
    """The programs of a file, a folder or a split."""

    programs: list[Solution] = field(default_factory=list)
    marked_unusable: int = 0
    """Rows that the data themselves mark as not to be used."""
    files: list[PurePath] = field(default_factory=list)
    """All files that contain the programs and their tests."""


def language(name: str) -> str:
    """Return the language that a data set calls ``name``, or ``name`` in lower case if unknown."""
    lower = name.strip().lower()
    for key, names in NAMES.items():
        if lower in names:
            return key
    return lower


def plain(value: object, where: str, what: str) -> str:
    """Return ``value`` if it is text that can be written to a file. Raises UsageError."""
    if not isinstance(value, str):
        raise UsageError(
            f"{where}: the {what} is a {type(value).__name__} and must be text; mend the row"
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{where}: the {what} holds half a character ({error.reason}), no text; mend the row"
        ) from error
    return value


def code(value: object, where: str) -> str:
    """Return the text of a program without byte order mark; line ends stay as they are."""
    return plain(value, where, "program").removeprefix("\ufeff")
