"""Arguments that several commands share, and how commands print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are safe to print: they repeat what stands on the command line."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the error, and exit with 2."""
        super().error(printable(message))


Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001
"""The sub-commands of the parser, to which each command adds itself."""


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the experiment."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        help="the folder of experiment.md and variants/ (default: here)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the switch for output as JSON."""
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def print_lines(lines: Iterable[str]) -> None:
    """Print the lines that a command answers with, safe for a terminal."""
    for line in lines:
        print(printable(line))  # noqa: T201


def print_to_stderr(text: str) -> None:
    """Print what is said beside a command's own output."""
    print(printable(text), file=sys.stderr)  # noqa: T201


def listed(text: str) -> tuple[str, ...]:
    """Return the words of a comma-separated list."""
    words = map(str.strip, text.split(","))
    return tuple(word for word in words if word)
