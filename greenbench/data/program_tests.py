"""What a translation has to do to count as right: three kinds of tests, as the public data sets have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.data.synthetic.methods.pairs import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """A function to call with arguments, and what it returns: the generated data's kind."""

    entry: str
    """Name of the function."""
    parameters: tuple[str, ...]
    """Java types of its parameters."""
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One run of a whole program: what it reads and what it has to print."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Runs of a whole program, of which every one has to print what it should: the kind of AVATAR and CodeNet."""

    cases: tuple[Stream, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """Code that is set around a translation, in its language, and fails where it is wrong: HumanEval-X's kind."""

    after: str
    before: str = ""
    """Imports, for example, that a function takes for granted."""


Tests = Calls | Streams | Checks
