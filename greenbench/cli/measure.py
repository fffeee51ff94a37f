"""Commands that measure: ``run`` and ``sweep-power``."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import listed, print_to_stderr
from greenbench.errors import UsageError
from greenbench.run import ending

if TYPE_CHECKING:
    from greenbench.cli.arguments import Commands

PLAN = ("--collect-only", "--green-plan", "-qq")
VERSION = {"--version", "-V"}
NOT_FOR_SWEEPS = (
    "allow",
    "block",
    "carbon",
    "gate",
    "plan",
    "require",
    "resume",
    "reuse",
    "strict",
    "until-sure",
)
"""Options that a power sweep has no use for."""


def add_run(commands: Commands) -> None:
    """Add ``greenbench run``, whose further arguments are pytest's."""
    parser = commands.add_parser(
        "run",
        help="the same as `pytest bench`; what follows goes to pytest",
        epilog="e.g. greenbench run -k V7 --plan",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--plan", action="store_true", help="print what it would do and cost; run nothing"
    )
    parser.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Run ``pytest bench`` and return pytest's exit code; raises UsageError without a suite.

    A 0 of a session that did not end by itself, or that ran without the plugin, becomes a 1.
    """
    if not Path("bench").is_dir():
        where = f"there is no folder bench in {Path.cwd()}"
        raise UsageError(f"greenbench run: {where}; run it where the suite's experiment.md is")
    command = [sys.executable, "-m", "pytest", "bench"]
    if options.plan:
        command += PLAN
    command += options.pytest_arguments
    if VERSION & set(options.pytest_arguments):  # pytest answers before any plugin is there
        return subprocess.run(command, check=False).returncode  # noqa: S603  the user's own call
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ending")
        environment = {**os.environ, ending.VARIABLE: str(file)}
        # Ctrl-C reaches pytest too, which ends by itself; a handler is not inherited, SIG_IGN is.
        previous = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            done = subprocess.run(command, check=False, env=environment)  # noqa: S603  the user's own call
        finally:
            signal.signal(signal.SIGINT, previous)
        status, problem = ending.verified(done.returncode, file)
    if problem:
        print_to_stderr(f"greenbench run: {problem}")
    return status


def add_sweep_power(commands: Commands) -> None:
    """Add ``greenbench sweep-power``, with the session's own options."""
    from greenbench.experiment.settings import OPTIONS

    parser = commands.add_parser(
        "sweep-power",
        help="energy and time of a cell over power limits and clocks",
        epilog="e.g. greenbench sweep-power digits-V0_baseline --knobs gpu_power_fraction "
        "--fractions 0.9,0.7,0.5",
        allow_abbrev=False,
    )
    parser.add_argument("cell", help="the cell's id, like digits-V0_baseline")
    parser.add_argument(
        "--knobs",
        type=listed,
        help="of the system stage (default: the GPU's if a GPU is counted, else the CPU's)",
    )
    parser.add_argument(
        "--fractions", type=_fractions, help="to try for each knob (default: 0.9,0.8,0.7,0.6,0.5)"
    )
    session_options = parser.add_argument_group("options of the session, as for pytest")
    for option in OPTIONS:
        if option.name not in NOT_FOR_SWEEPS:
            session_options.add_argument(option.flag, dest=option.flag, **option.keywords())
    parser.set_defaults(execute=sweep_power)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        fractions = tuple(map(float, listed(text)))
    except ValueError:
        fractions = ()
    if not fractions or not all(0 < fraction <= 1 for fraction in fractions):
        raise argparse.ArgumentTypeError(
            f"{text}: give fractions above 0 and up to 1, like 0.9,0.7,0.5"
        )
    return fractions


def sweep_power(options: argparse.Namespace) -> int:
    """Measure a cell over power limits and clocks, print the curve and the lines to paste.

    Raises UsageError.
    """
    from rich.console import Console

    from greenbench.report import sweep as report
    from greenbench.run import sweep
    from greenbench.run.session import Session
    from greenbench.stats import curve

    given = {**vars(options), "--green-until-sure": "off"}  # nothing is compared
    session = Session(given.get, Path(), Path("experiment.md"), Path("variants"))
    cell = sweep.chosen(session, options.cell)
    knobs = sweep.knobs(session, options.knobs)
    tried = curve.settings(knobs, options.fractions or sweep.FRACTIONS)
    points = sweep.sweep(session, cell, list(tried), print_to_stderr)
    wide = Console(highlight=False, width=max(100, Console().width))
    report.show(wide, points, curve.least(points), curve.least_without_loss(points))
    return 0
