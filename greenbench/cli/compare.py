"""The command ``compare``."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import Commands
    from greenbench.run.compare import Comparison


def add_compare(commands: Commands) -> None:
    """Add ``greenbench compare``."""
    parser = commands.add_parser(
        "compare",
        help="compare runs with a first one, or variants with V0; exits with 1 if one failed",
        epilog=(
            "e.g. greenbench compare main.json pr.json --gate 'energy <= 1.05*saved' --markdown, "
            "greenbench compare results/V0_*.json results/V7_*.json, greenbench compare results"
        ),
    )
    parser.add_argument(
        "baseline",
        type=Path,
        help="a results file, a folder of them, a saved run (--benchmark-json), or alone the file "
        "of a job of `greenbench ci`",
    )
    parser.add_argument(
        "runs",
        nargs="*",
        type=Path,
        help="the same; each is compared with the baseline (without one: V0 with its variants)",
    )
    parser.add_argument(
        "--gate", action="append", default=[], metavar="EXPR", help="as --green-gate; repeatable"
    )
    parser.add_argument("--allow", default="", metavar="DIFFERENCE,...", help="as --green-allow")
    parser.add_argument("--strict", action="store_true", help="fail inconclusive verdicts too")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    form.add_argument(
        "--markdown", action="store_true", help="print them as Markdown, e.g. for a job's summary"
    )
    parser.set_defaults(execute=compare)


def compare(options: argparse.Namespace) -> int:
    """Print how runs compare with the first one; return 1 if a gate fails. Raises UsageError."""
    gc.disable()  # thousands of cells are millions of objects, all of which live until the end
    try:
        return _compare(options)
    finally:
        gc.enable()


def _compare(options: argparse.Namespace) -> int:
    from greenbench.experiment.option_parsers import RawOption, words
    from greenbench.gates.expression import ALLOWED
    from greenbench.run.compare import compare as compare_runs

    comparisons = compare_runs(
        [options.baseline, *options.runs],
        options.gate,
        allow=words(ALLOWED)(RawOption("--green-allow", options.allow)),
        strict=options.strict,
        folder=Path(),
    )
    if options.json:
        print(json.dumps([comparison.record() for comparison in comparisons]))  # noqa: T201
    else:
        for comparison in comparisons:
            _print_comparison(comparison, markdown=options.markdown)
    return int(any(comparison.failed for comparison in comparisons))


def _print_comparison(comparison: Comparison, *, markdown: bool) -> None:
    from rich.console import Console

    from greenbench.report import verdicts
    from greenbench.report.texts import plain

    result = "failed" if comparison.failed else "passed"
    note = f" ({comparison.note})" if comparison.note else ""
    title = f"{comparison.run} against {comparison.baseline}: {result}{note}"
    if markdown:
        print(verdicts.markdown(comparison.verdicts, title))  # noqa: T201
        return
    console = Console(highlight=False)
    verdicts.print_comparison(console, comparison.verdicts, title)
    console.print(plain(f"gates: {comparison.gates_of}"), soft_wrap=True)
