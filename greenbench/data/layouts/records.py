"""A program as every layout yields it, and the names that data sets give to languages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

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
"""Language, a key of ``prompts.LANGUAGES``, to the names that data sets give it, upper or lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What solves one problem in one language."""

    problem: str
    """The same for all programs that translate each other."""
    language: str
    """A key of ``NAMES``, or the data's own name in lower case where nothing is translated into it here."""
    text: str
    tests: Tests | None = None


@dataclass(slots=True, kw_only=True)
class Read:
    """What was read of a file or folder."""

    programs: list[Program] = field(default_factory=list)
    marked_unusable: int = 0
    """Rows that the data themselves say are not to be used."""
    files: list[Path] = field(default_factory=list)
    """All files that the programs and their tests stand in."""


def language(name: str) -> str:
    """Return the language that a data set calls ``name``, or ``name`` in lower case where it is none of ours."""
    lower = name.strip().lower()
    return next((key for key, names in NAMES.items() if lower in names), lower)


def plain(value: object, where: str, what: str) -> str:
    """Return ``value``, which has to be text that can be written to a file. Raises UsageError."""
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
