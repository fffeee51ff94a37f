"""The command ``export``."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import print_to_stderr
from greenbench.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from greenbench.cli.arguments import Commands


def add_export(commands: Commands) -> None:
    """Add ``greenbench export``."""
    parser = commands.add_parser(
        "export",
        help="the results as a tidy table, or for the places where people keep results",
        epilog="e.g. greenbench export results --parquet results.parquet, "
        "greenbench export results --csv -, "
        "greenbench export results --cell digits-V1_short --model-card energy.md",
    )
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        help="results files, folders of them, or saved runs (--benchmark-json), together",
    )
    _add_places(parser)
    parser.add_argument(
        "--cell", action="append", default=[], metavar="ID", help="this cell alone; repeatable"
    )
    parser.add_argument(
        "--carbon", metavar="G", help="as --green-carbon, for --model-card: '380 (its source)'"
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema of results files"
    )
    parser.set_defaults(execute=export)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--parquet",
        type=Path,
        metavar="FILE",
        help="a row for each cell, round, stage and channel (docs/results.md), as Parquet",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="the same as CSV; - is stdout")
    parser.add_argument(
        "--mlflow", metavar="URI", help="a run for each cell, e.g. sqlite:///mlflow.db; once"
    )
    parser.add_argument(
        "--model-card",
        type=Path,
        metavar="FILE",
        help="the energy section of a Hugging Face model card, about one cell; - is stdout",
    )
    parser.add_argument(
        "--spdx",
        type=Path,
        metavar="FILE",
        help="an SPDX 3.0.1 document with the measured energy of each cell; - is stdout",
    )


def export(options: argparse.Namespace) -> int:
    """Write what is asked for, and say on stderr what it holds; raises UsageError."""
    asked = [write for option, write in WRITERS.items() if getattr(options, option) is not None]
    if options.schema:
        from greenbench.export.json_schema import schema_text

        sys.stdout.write(schema_text())
    elif not options.results or not asked:
        names = ", ".join(f"--{option.replace('_', '-')}" for option in WRITERS)
        raise UsageError(
            f"greenbench export: give results and at least one of {names}, e.g. "
            "greenbench export results --csv -"
        )
    if options.carbon is not None and options.model_card is None:
        raise UsageError(
            "--carbon: only --model-card takes it; the other forms have the grams of sessions that "
            "were told by --green-carbon"
        )
    gc.disable()  # records hold no circles, and there are millions of objects
    try:
        for write in asked:
            print_to_stderr(write(options))
    finally:
        gc.enable()
    return 0


def _parquet(options: argparse.Namespace) -> str:
    from greenbench.export.writing import write_parquet

    count = write_parquet(options.results, options.parquet, options.cell)
    return _rows(options.parquet, count)


def _csv(options: argparse.Namespace) -> str:
    from greenbench.export.writing import write_csv

    return _rows(options.csv, write_csv(options.results, options.csv, options.cell))


def _rows(file: Path, count: int) -> str:
    from greenbench.report.cost import plural

    return f"{file}: {plural(count, 'row')}; docs/results.md says what the columns hold"


def _mlflow(options: argparse.Namespace) -> str:
    from greenbench.export.cells import measured_cells
    from greenbench.export.mlflow_store import send

    counts = send(measured_cells(options.results, options.cell), options.mlflow)
    shown = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"{options.mlflow}: runs of the experiment greenbench: {shown}"


def _model_card(options: argparse.Namespace) -> str:
    from greenbench.experiment.option_parsers import RawOption, carbon_intensity
    from greenbench.export.cells import measured_cells
    from greenbench.export.model_card import model_card

    carbon = None
    if options.carbon is not None:
        carbon = carbon_intensity(RawOption("--carbon", options.carbon))
    cells = list(measured_cells(options.results, options.cell))
    return _written(options.model_card, model_card(cells, carbon))


def _spdx(options: argparse.Namespace) -> str:
    from greenbench.export.cells import measured_cells
    from greenbench.export.spdx import spdx_text

    return _written(options.spdx, spdx_text(measured_cells(options.results, options.cell)))


def _written(file: Path, text: str) -> str:
    from greenbench.export.writing import write_text

    write_text(file, text)
    return f"{file}: written"


WRITERS: dict[str, Callable[[argparse.Namespace], str]] = {
    "parquet": _parquet,
    "csv": _csv,
    "mlflow": _mlflow,
    "model_card": _model_card,
    "spdx": _spdx,
}
"""By the option that asks for each."""
