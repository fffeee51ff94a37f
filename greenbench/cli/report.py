"""The command ``report``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import print_lines
from greenbench.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Sequence

    from greenbench.cli.arguments import Commands
    from greenbench.report.report_data import ReportData


def add_report(commands: Commands) -> None:
    """Add ``greenbench report``."""
    parser = commands.add_parser(
        "report",
        help="write one HTML file with the answer, what it stands on, and charts",
        epilog="e.g. greenbench report results -o report.html, "
        "greenbench report main.json pr.json -o both.html, "
        "greenbench report results --figures figures",
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
        metavar="FILE",
        help="where the report goes (default: report.html); an earlier report is replaced",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="write each chart as SVG and PDF, and its data in LaTeX and Markdown; without -o "
        "nothing else is written",
    )
    parser.add_argument("--allow", default="", metavar="DIFFERENCE,...", help="as --green-allow")
    parser.set_defaults(execute=report)


def report(options: argparse.Namespace) -> int:
    """Write the report, the figures or both; raises UsageError and UnavailableError."""
    from greenbench.experiment.option_parsers import RawOption, words
    from greenbench.gates.expression import ALLOWED
    from greenbench.report.page import saving
    from greenbench.report.report_data import read_report_data

    output = options.output
    if output is None and options.figures is None:
        output = Path("report.html")
    if output is not None:
        saving.check_target(output)
    _check_figures(options)
    allow = words(ALLOWED)(RawOption("--green-allow", options.allow))
    gc.disable()  # records hold no circles, and there are millions of objects
    try:
        folders = [read_report_data(path, allow) for path in options.results]
        if options.figures is not None:
            _write_figures(folders[0], options.figures)
        if output is not None:
            _write_page(folders, output, allow)
    finally:
        gc.enable()
    return 0


def _check_figures(options: argparse.Namespace) -> None:
    """Raise before anything is read if the figures cannot be drawn."""
    from greenbench.report.charts import check_libraries

    if options.figures is None:
        return
    check_libraries()
    if len(options.results) > 1:
        raise UsageError(
            f"greenbench report --figures: found {len(options.results)} results, and the figures "
            "of a folder are of one; call it for each, with another folder"
        )


def _write_figures(data: ReportData, folder: Path) -> None:
    from greenbench.report.charts.files import write_figures

    paths = write_figures(data, folder)
    print_lines([f"wrote {len(paths)} files into {folder}"])


def _write_page(folders: Sequence[ReportData], output: Path, allow: Collection[str]) -> None:
    from greenbench.report.page import saving
    from greenbench.report.page.contents import page

    saving.save(output, page(folders, allow=allow))
    print_lines([f"wrote {output}"])
