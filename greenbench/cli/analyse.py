"""The command ``analyse``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import listed

if TYPE_CHECKING:
    from greenbench.cli.arguments import Commands


def add_analyse(commands: Commands) -> None:
    """Add ``greenbench analyse``."""
    parser = commands.add_parser(
        "analyse",
        help="say whether the savings of variants add up, whose they are, and what to choose",
        epilog="e.g. greenbench analyse results, greenbench analyse results --task digits",
    )
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        help="results files, folders of them, or saved runs (--benchmark-json), together",
    )
    parser.add_argument("--task", default="", metavar="TASK,...", help="these tasks alone")
    parser.add_argument("--allow", default="", metavar="DIFFERENCE,...", help="as --green-allow")
    parser.add_argument(
        "--keep",
        type=_number,
        metavar="LOSS",
        help="how much worse than V0's the score of the greenest variant may be (default: 0.02, "
        "of scores up to 100: 2, of those without a largest value, like an error in euros: 2 %% "
        "of V0's)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all of it as JSON")
    form.add_argument("--markdown", action="store_true", help="print it as Markdown")
    parser.set_defaults(execute=analyse)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def analyse(options: argparse.Namespace) -> int:
    """Print the analysis of results; raises UsageError."""
    from rich.console import Console

    from greenbench.analysis.analyse import analyse as analyse_results
    from greenbench.experiment.option_parsers import RawOption, words
    from greenbench.gates.expression import ALLOWED
    from greenbench.report import analysis as report
    from greenbench.results.record import builtin

    found = analyse_results(
        *options.results,
        tasks=listed(options.task),
        allow=words(ALLOWED)(RawOption("--green-allow", options.allow)),
        keep=options.keep,
    )
    if options.json:
        print(json.dumps(builtin(found)))  # noqa: T201
    elif options.markdown:
        print(report.markdown(found))  # noqa: T201
    else:
        report.show(Console(highlight=False), found)
    return 0
