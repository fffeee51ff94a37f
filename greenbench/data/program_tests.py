"""The tests that a translation has to pass: three kinds, as the public data sets have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.data.synthetic.methods.pairs import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls of one function with the expected results, as the generated data have them."""

    entry: str
    """Name of the function."""
    parameters: tuple[str, ...]
    """Java types of its parameters."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One run of a whole program: its standard input and the expected standard output."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Runs of a whole program, which must all print as expected; AVATAR and CodeNet have them."""

    cases: tuple[Stream, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Unit tests in the translation's language that are run with it; HumanEval-X has them."""

    after: str
    """Code that follows the translation and fails if the translation is wrong."""
    before: str = ""
    """Code that precedes the translation, for example imports."""


Tests = Calls | Streams | Checks
