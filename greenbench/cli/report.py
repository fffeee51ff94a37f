"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import print_lines

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import Commands


def add_report(commands: Commands) -> None:
    """Add ``greenbench report``."""
    parser = commands.add_parser(
        "report",
        help="write one HTML file with the answer, what it stands on, and charts",
        epilog="e.g. greenbench report results -o report.html, "
        "greenbench report main.json pr.json -o both.html",
    )
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        help="folders of results files, results files, or saved runs (--benchmark-json); several "
        "are set side by side, each against the first",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="where the report goes (default: report.html); an earlier report is replaced",
    )
    parser.add_argument("--allow", default="", metavar="DIFFERENCE,...", help="as --green-allow")
    parser.set_defaults(execute=report)


def report(options: argparse.Namespace) -> int:
    """Write the report; raises UsageError and UnavailableError."""
    from greenbench.experiment.option_parsers import RawOption, words
    from greenbench.gates.expression import ALLOWED
    from greenbench.report.page import saving
    from greenbench.report.page.contents import page
    from greenbench.report.report_data import read_report_data

    saving.check_target(options.output)
    allow = words(ALLOWED)(RawOption("--green-allow", options.allow))
    folders = [read_report_data(path, allow) for path in options.results]
    saving.save(options.output, page(folders, allow=allow))
    print_lines([f"wrote {options.output}"])
    return 0
