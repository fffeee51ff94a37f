"""The command line around the suite: ``run`` measures, ``list`` shows the matrix, ``doctor`` the instruments.

``restore`` puts back what a killed session left behind.

Exit codes: 0 fine, 1 ``compare`` found a regression, 2 the call or a file is wrong; ``run`` passes pytest's own on.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.experiment import matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

RESTORED = "no session left a setting of this machine changed"
PLAN = ("--collect-only", "--green-plan", "-qq")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser, commands = _parser()
    asked, rest = parser.parse_known_args(arguments)
    if rest and asked.run not in {run, sweep_power}:
        commands[asked.command].error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(asked.run(asked, rest))
    except UsageError as error:
        print(error, file=sys.stderr)  # noqa: T201  a command answers on the terminal
        return 2


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="greenbench",
        description="Energy, time and quality of pipeline variants; `pytest bench` measures.",
    )
    known = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    measure = known.add_parser(
        "run",
        help="the same as `pytest bench`; what follows goes to pytest",
        epilog="e.g. greenbench run -k V7 --plan",
    )
    measure.add_argument(
        "--plan", action="store_true", help="print what it would do and cost; run nothing"
    )
    measure.set_defaults(run=run)
    shown = known.add_parser(
        "list", help="the matrix, resolved: what each variant changes against the baseline"
    )
    shown.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        help="where experiment.md stands (default: here)",
    )
    shown.add_argument("--json", action="store_true", help="print it as JSON")
    shown.set_defaults(run=list_variants)
    look = known.add_parser(
        "doctor", help="what can be measured here, with which instrument, and how to get the rest"
    )
    look.add_argument("--json", action="store_true", help="print it as JSON")
    look.set_defaults(run=doctor)
    fresh = known.add_parser(
        "new", help="make a variant: a folder, its row in experiment.md and a changelog line"
    )
    fresh.add_argument("name", help="the folder's name, like V8_arch_system")
    fresh.add_argument(
        "--in",
        dest="folder",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where experiment.md stands (default: here)",
    )
    fresh.add_argument(
        "--from",
        dest="origin",
        default="V0",
        metavar="VARIANT",
        help="what it starts from (default: V0)",
    )
    fresh.add_argument(
        "--set",
        dest="knobs",
        action="append",
        default=[],
        metavar="STAGE.KNOB=VALUE",
        help="a knob to turn; repeatable",
    )
    fresh.add_argument("--title", help="its name in the table (default: from the folder's name)")
    fresh.set_defaults(run=new)
    swept = known.add_parser(
        "sweep-power",
        help="energy and time of a cell over power limits and clocks; what follows are --green-* options",
        epilog="e.g. greenbench sweep-power T2-V0_baseline --knobs gpu_power_fraction --fractions 0.9,0.7,0.5",
    )
    swept.add_argument("cell", help="the cell's id, like T2-V0_baseline")
    swept.add_argument(
        "--knobs",
        type=_listed,
        help="of the system stage (default: the GPU's, where a GPU is counted)",
    )
    swept.add_argument(
        "--fractions", type=_fractions, help="to try for each knob (default: 0.9,0.8,0.7,0.6,0.5)"
    )
    swept.set_defaults(run=sweep_power)
    _add_compare(known)
    again = known.add_parser(
        "restore", help="put back power limits, clocks and governors that a killed run left behind"
    )
    again.set_defaults(run=restore)
    command = known.add_parser("check", help="hold experiment.md against variants/")
    command.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="where both stand (default: here)"
    )
    command.set_defaults(run=check)
    return parser, dict(known.choices)


def _add_compare(known: Any) -> None:
    held = known.add_parser(
        "compare",
        help="hold runs against a first one, with verdicts; exits with 1 where one regressed",
        epilog="e.g. greenbench compare main.json pr.json --gate 'energy <= 1.05*saved' --markdown",
    )
    held.add_argument(
        "baseline",
        type=Path,
        help="a results file, a folder of them, or a saved run (--benchmark-json)",
    )
    held.add_argument(
        "runs", nargs="+", type=Path, help="the same; each is held against the baseline"
    )
    held.add_argument(
        "--gate", action="append", default=[], metavar="EXPR", help="as --green-gate; repeatable"
    )
    held.add_argument(
        "--allow", type=_listed, default=(), metavar="DIFFERENCE,...", help="as --green-allow"
    )
    held.add_argument("--strict", action="store_true", help="fail open verdicts too")
    shape = held.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    shape.add_argument(
        "--markdown", action="store_true", help="print them as Markdown, e.g. for a job's summary"
    )
    held.set_defaults(run=compare)


def run(asked: argparse.Namespace, rest: Sequence[str]) -> int:
    """Run ``pytest bench`` with the arguments ``rest`` and return pytest's exit code; raises UsageError without a suite."""
    if not Path("bench").is_dir():
        raise UsageError(
            f"greenbench run: there is no folder bench in {Path.cwd()}; run it where the suite's experiment.md is"
        )
    command = [sys.executable, "-m", "pytest", "bench", *(PLAN if asked.plan else ()), *rest]
    return subprocess.run(command, check=False).returncode  # noqa: S603  the user's own arguments, for the user's own pytest


def list_variants(asked: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Print what each variant changes, knob by knob, as it is stored with its results; raises Disagreements."""
    from rich.console import Console

    from greenbench.report import variants

    found = matrix.load(asked.folder / "experiment.md", asked.folder / "variants").variants
    if asked.json:
        print(json.dumps([variants.record(v) for v in found], indent=1))  # noqa: T201
    else:
        variants.show(Console(highlight=False), found)
    return 0


def new(asked: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Make a variant and print what it changes, and what to run next; raises UsageError, and nothing has changed then."""
    from greenbench.experiment import new_variant
    from greenbench.experiment.knobs import changes, told

    made = new_variant.make(
        asked.folder, asked.name, origin=asked.origin, settings=asked.knobs, title=asked.title
    )
    lines = [
        f"made {made.variant.folder} from {made.origin.name}; what it changes against the baseline:",
        *(f"  {d.knob}: {told(d.baseline)} -> {told(d.here)}" for d in changes(made.variant)),
        f"{asked.folder / 'experiment.md'} has its row, a line in the checklist and one in the changelog",
        f'next: say in its README.md what to expect, then pytest bench -k "V0_ or {made.variant.name}"',
    ]
    print("\n".join(lines))  # noqa: T201
    return 0


def compare(asked: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Print how runs compare with the first one, and return 1 where a gate fails; raises UsageError."""
    from rich.console import Console

    from greenbench.experiment import option_parsers as values
    from greenbench.gates.expression import ALLOWED
    from greenbench.report import verdicts as gates
    from greenbench.run import compare as comparing

    gc.disable()  # thousands of cells are millions of objects, none of which goes before the end
    allow = values.allow(ALLOWED)(asked.allow)
    paths = [asked.baseline, *asked.runs]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 132)
    found = comparing.compare(paths, asked.gate, allow=allow, strict=asked.strict, root=Path())
    if asked.json:
        print(json.dumps([one.record() for one in found]))  # noqa: T201
    for one in () if asked.json else found:
        title = f"{one.run} against {one.baseline}: {'failed' if one.failed else 'passed'}"
        if asked.markdown:
            print(gates.markdown(one.verdicts, title))  # noqa: T201
        else:
            gates.tell(console, one.verdicts, title)
    return int(any(one.failed for one in found))


def doctor(asked: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Examine the machine for some seconds and print what was found; nothing is set but what a killed run left behind."""
    from rich.console import Console

    from greenbench.machine import gpus as devices
    from greenbench.machine.control.doctor import abilities
    from greenbench.machine.control.restore import recover
    from greenbench.machine.energy import examine
    from greenbench.report import doctor as report

    recover(lambda text: print(text, file=sys.stderr))  # noqa: T201  killed runs leave what nobody wants
    survey = devices.survey()
    found, able = examine(survey), abilities(survey.gpus)
    if asked.json:
        settable = [{"channel": "control", **dataclasses.asdict(a)} for a in able]
        print(json.dumps([*(dataclasses.asdict(f) for f in found), *settable], indent=1))  # noqa: T201
    else:
        report.show(Console(highlight=False), found, able)
    return 0


def _listed(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _fractions(text: str) -> tuple[float, ...]:
    found = tuple(map(float, _listed(text)))
    if not found or not all(0 < f <= 1 for f in found):
        raise argparse.ArgumentTypeError(
            f"{text}: give fractions above 0 and up to 1, like 0.9,0.7,0.5"
        )
    return found


def sweep_power(asked: argparse.Namespace, rest: Sequence[str]) -> int:
    """Measure a cell over power limits and clocks, and print the curve and the lines to paste; raises UsageError."""
    from rich.console import Console

    from greenbench.report import sweep as report
    from greenbench.run import sweep as sweeping
    from greenbench.run.session import Session
    from greenbench.stats import curve

    given = dict(zip(rest[::2], rest[1::2], strict=False))
    if len(rest) % 2 or not all(flag.startswith("--green-") for flag in given):
        raise UsageError(
            f"greenbench sweep-power: {' '.join(rest)}: what follows are pairs like --green-rounds 3"
        )
    session = Session(given.get, Path(), Path("experiment.md"), Path("variants"))
    cell = sweeping.chosen(session, asked.cell)
    tried = curve.settings(
        sweeping.knobs(session, asked.knobs), asked.fractions or sweeping.FRACTIONS
    )
    points = sweeping.sweep(session, cell, list(tried), lambda text: print(text, file=sys.stderr))  # noqa: T201
    wide = Console(highlight=False, width=max(100, Console().width))
    report.show(wide, points, curve.least(points), curve.least_without_loss(points))
    return 0


def restore(_asked: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Put back what killed sessions left, and say what; exit code 1 where something could not be."""
    from greenbench.machine.control.restore import left_behind, recover

    said: list[str] = []
    recover(said.append)
    for text in said or [RESTORED]:
        print(text)  # noqa: T201
    return 1 if left_behind() else 0


def check(asked: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Print one line that says what agrees; raises Disagreements."""
    found = matrix.load(asked.folder / "experiment.md", asked.folder / "variants")
    tasks = ", ".join(t.name for t in found.tasks)
    print(
        f"{asked.folder / 'experiment.md'} and {len(found.variants)} folders of variants/ agree; tasks: {tasks}"
    )  # noqa: T201
    return 0
