"""The command ``ci``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import print_lines, print_to_stderr

if TYPE_CHECKING:
    from greenbench.cli.arguments import Commands
    from greenbench.run.change.job import ChangeOutcome

BLOCKS = 16


def add_ci(commands: Commands) -> None:
    """Add ``greenbench ci``, whose arguments after ``--`` are pytest's."""
    parser = commands.add_parser(
        "ci",
        help="measure a change and its base in turns, in one job; exits with 1 if a loss is "
        "confirmed",
        epilog='e.g. greenbench ci --base main --comment comment.md -- -k "V0 or V7"',
        usage="greenbench ci --base REF [options] [-- PYTEST ARGUMENTS]",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--base", required=True, metavar="REF", help="the branch that the change is meant for"
    )
    parser.add_argument(
        "--blocks",
        type=_whole,
        default=BLOCKS,
        metavar="N",
        help=f"blocks of a set: each is a session of either side (default: {BLOCKS})",
    )
    parser.add_argument(
        "--gate", action="append", default=[], metavar="EXPR", help="as --green-gate; repeatable"
    )
    parser.add_argument("--allow", default="", metavar="DIFFERENCE,...", help="as --green-allow")
    parser.add_argument("--strict", action="store_true", help="fail inconclusive verdicts too")
    parser.add_argument(
        "--base-python",
        default="",
        metavar="PYTHON",
        help="the interpreter of an environment with the base's dependencies, where they differ",
    )
    parser.add_argument(
        "--base-install",
        default="",
        metavar="ARGUMENTS",
        help="how pip installs the base into an environment of its own (default: where its "
        "dependencies differ, by its constraints.txt, requirements.txt and pyproject.toml)",
    )
    _add_files(parser)
    parser.set_defaults(execute=ci)


def _add_files(parser: argparse.ArgumentParser) -> None:
    """Add what is written, and where."""
    parser.add_argument("--comment", type=Path, metavar="FILE", help="write a comment in Markdown")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the verdicts as JUnit")
    parser.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="where the JSON of both sides goes (default: results)",
    )


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def ci(options: argparse.Namespace) -> int:
    """Measure a change and its base; return 1 if a gate or a test fails. Raises UsageError."""
    from greenbench.experiment.option_parsers import RawOption, words
    from greenbench.gates.expression import ALLOWED
    from greenbench.run.change.job import ChangeRequest, measure_change
    from greenbench.run.change.results import write

    request = ChangeRequest(
        folder=Path(),
        ref=options.base,
        blocks=options.blocks,
        expressions=options.gate,
        allow=words(ALLOWED)(RawOption("--green-allow", options.allow)),
        strict=options.strict,
        results=options.results,
        pytest_arguments=options.pytest_arguments,
        base_python=options.base_python,
        base_install=options.base_install,
        python=sys.executable,
    )
    outcome = measure_change(request, print_to_stderr)
    _report(outcome, options)
    print_lines([f"wrote {write(outcome, options.results)}"])
    return int(outcome.failed)


def _report(outcome: ChangeOutcome, options: argparse.Namespace) -> None:
    """Print the verdicts, and write them where they were asked for."""
    from rich.console import Console

    from greenbench.report import change as report
    from greenbench.report import verdicts

    checkout = outcome.checkout
    result = "failed" if outcome.failed else "passed"
    title = f"{checkout.head_name} against {checkout.base_name}: {result}"
    measured = f"{outcome.blocks} blocks of both in turns, in one job"
    if outcome.sets > 1:
        measured += ", and as many fresh ones after an alarm"
    notes = [measured, f"gates: {outcome.rules.gates_of}", *outcome.notes]
    console = Console(highlight=False)
    verdicts.print_comparison(console, outcome.verdicts, title)
    verdicts.print_lines(console, notes)
    if options.comment is not None:
        options.comment.write_text(report.comment(outcome.verdicts, title, notes), "utf-8")
    if options.junit is not None:
        problems = [note for note in outcome.notes if note.startswith("a test of ")]
        text = report.junit(outcome.verdicts, strict=outcome.rules.strict, problems=problems)
        options.junit.write_text(text, "utf-8")
