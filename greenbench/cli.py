"""The command line around the suite. ``greenbench check`` holds ``experiment.md`` against ``variants/``.

Exit codes: 0 fine, 2 the call or a file is wrong.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench import matrix
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="greenbench", description="Energy, time and quality of pipeline variants; `pytest bench` measures."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("check", help="hold experiment.md against variants/")
    command.add_argument("folder", nargs="?", type=Path, default=Path(), help="where both stand (default: here)")
    command.set_defaults(run=check)
    asked = parser.parse_args(arguments)
    try:
        print(asked.run(asked))  # noqa: T201  a command answers on standard output
    except UsageError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def check(asked: argparse.Namespace) -> str:
    """Return one line that says what agrees; raises Disagreements."""
    found = matrix.load(asked.folder / "experiment.md", asked.folder / "variants")
    tasks = ", ".join(t.name for t in found.tasks)
    return f"{asked.folder / 'experiment.md'} and {len(found.variants)} folders of variants/ agree; tasks: {tasks}"
