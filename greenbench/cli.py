"""The command line around the suite: measure, list, check and compare variants; see the machine.

Exit codes: 0 fine, 1 ``compare`` found a failure or ``restore`` could not restore everything, 2 the
call or a file is wrong; ``run`` passes pytest's own on.

A command imports what it needs itself, so that ``--help``, ``list`` and ``check`` start at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.experiment.matrix import Experiment
    from greenbench.run.compare import Comparison

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

PLAN = ("--collect-only", "--green-plan", "-qq")
NOT_FOR_SWEEPS = ("allow", "gate", "plan", "require", "strict")
"""Options that a power sweep has no use for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that ``arguments`` (by default the process's) name; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="greenbench",
        description="Energy, time and quality of pipeline variants; `pytest bench` measures.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for add_command in COMMANDS:
        add_command(commands)
    options, rest = parser.parse_known_args(arguments)
    if options.command == "run":
        options.pytest_arguments = rest
    elif rest:
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(options.execute(options))
    except UsageError as error:
        print(error, file=sys.stderr)  # noqa: T201  a command answers on the terminal
        return 2


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
    """Run ``pytest bench`` and return pytest's exit code; raises UsageError without a suite."""
    if not Path("bench").is_dir():
        where = f"there is no folder bench in {Path.cwd()}"
        raise UsageError(f"greenbench run: {where}; run it where the suite's experiment.md is")
    command = [sys.executable, "-m", "pytest", "bench"]
    if options.plan:
        command += PLAN
    command += options.pytest_arguments
    return subprocess.run(command, check=False).returncode  # noqa: S603  the user's own call


def add_list(commands: Commands) -> None:
    """Add ``greenbench list``."""
    parser = commands.add_parser(
        "list", help="the matrix, resolved: what each variant changes against the baseline"
    )
    _add_folder(parser)
    _add_json(parser)
    parser.set_defaults(execute=list_variants)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path(),
        help="the folder of experiment.md and variants/ (default: here)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def list_variants(options: argparse.Namespace) -> int:
    """Print the knobs that each variant changes, as in its results; raises Disagreements."""
    from greenbench.report import variants

    known = load_experiment(options.folder).variants
    if options.json:
        print(json.dumps(list(map(variants.record, known)), indent=1))  # noqa: T201
        return 0
    from rich.console import Console

    variants.show(Console(highlight=False), known)
    return 0


def load_experiment(folder: Path) -> Experiment:
    """Load the experiment in ``folder``; raises Disagreements."""
    from greenbench.experiment import matrix

    return matrix.load(folder / "experiment.md", folder / "variants")


def add_doctor(commands: Commands) -> None:
    """Add ``greenbench doctor``."""
    parser = commands.add_parser(
        "doctor", help="what can be measured here, with which instrument, and how to get the rest"
    )
    _add_json(parser)
    parser.set_defaults(execute=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Examine the machine for some seconds and print what it can measure and control.

    It changes no setting, except that it restores those that a killed run left changed.
    """
    from greenbench.machine import gpus
    from greenbench.machine.control.doctor import capabilities
    from greenbench.machine.control.restore import recover
    from greenbench.machine.energy import examine

    recover(_print_to_stderr)
    survey = gpus.survey()
    findings = examine(survey)
    controls = capabilities(survey.gpus)
    if options.json:
        records = list(map(dataclasses.asdict, findings))
        for control in controls:
            records.append({"channel": "control", **dataclasses.asdict(control)})
        print(json.dumps(records, indent=1))  # noqa: T201
        return 0
    from rich.console import Console

    from greenbench.report import doctor as report

    report.show(Console(highlight=False), findings, controls)
    return 0


def _print_to_stderr(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def add_new(commands: Commands) -> None:
    """Add ``greenbench new``."""
    parser = commands.add_parser(
        "new", help="make a variant: a folder, its row in experiment.md and a changelog line"
    )
    parser.add_argument("name", help="the folder's name, like V8_arch_system")
    parser.add_argument(
        "--in",
        dest="folder",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="the folder of experiment.md (default: here)",
    )
    parser.add_argument(
        "--from",
        dest="origin",
        default="V0",
        metavar="VARIANT",
        help="the variant that it starts from (default: V0)",
    )
    parser.add_argument(
        "--set",
        dest="knobs",
        action="append",
        default=[],
        metavar="STAGE.KNOB=VALUE",
        help="a knob to set; repeatable",
    )
    parser.add_argument("--title", help="its name in the table (default: from the folder's name)")
    parser.set_defaults(execute=new)


def new(options: argparse.Namespace) -> int:
    """Make a variant, print what it changes and what to run next.

    Raises UsageError; then nothing has changed.
    """
    from greenbench.experiment import new_variant
    from greenbench.experiment.knobs import changes, in_words

    made = new_variant.make(
        options.folder,
        options.name,
        origin=options.origin,
        settings=options.knobs,
        title=options.title,
    )
    variant = made.variant
    lines = [
        f"made {variant.folder} from {made.origin.name}; what it changes against the baseline:"
    ]
    for difference in changes(variant):
        before, here = in_words(difference.baseline), in_words(difference.here)
        lines.append(f"  {difference.knob}: {before} -> {here}")
    experiment = options.folder / "experiment.md"
    lines.append(f"{experiment} has its row, a line in the checklist and one in the changelog")
    lines.append(
        "next: write in its README.md what to expect, then run "
        f'pytest bench -k "V0_ or {variant.name}"'
    )
    print("\n".join(lines))  # noqa: T201
    return 0


def add_sweep_power(commands: Commands) -> None:
    """Add ``greenbench sweep-power``, with the session's own options."""
    from greenbench.experiment.settings import OPTIONS

    parser = commands.add_parser(
        "sweep-power",
        help="energy and time of a cell over power limits and clocks",
        epilog="e.g. greenbench sweep-power T2-V0_baseline --knobs gpu_power_fraction "
        "--fractions 0.9,0.7,0.5",
        allow_abbrev=False,
    )
    parser.add_argument("cell", help="the cell's id, like T2-V0_baseline")
    parser.add_argument(
        "--knobs",
        type=_listed,
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


def _listed(text: str) -> tuple[str, ...]:
    words = map(str.strip, text.split(","))
    return tuple(word for word in words if word)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        fractions = tuple(map(float, _listed(text)))
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

    session = Session(vars(options).get, Path(), Path("experiment.md"), Path("variants"))
    cell = sweep.chosen(session, options.cell)
    knobs = sweep.knobs(session, options.knobs)
    tried = curve.settings(knobs, options.fractions or sweep.FRACTIONS)
    points = sweep.sweep(session, cell, list(tried), _print_to_stderr)
    wide = Console(highlight=False, width=max(100, Console().width))
    report.show(wide, points, curve.least(points), curve.least_without_loss(points))
    return 0


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
        help="a results file, a folder of them, or a saved run (--benchmark-json)",
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
    from greenbench.experiment.option_parsers import RawOption, words
    from greenbench.gates.expression import ALLOWED
    from greenbench.run.compare import compare as compare_runs

    gc.disable()  # thousands of cells are millions of objects, all of which live until the end
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

    result = "failed" if comparison.failed else "passed"
    title = f"{comparison.run} against {comparison.baseline}: {result}"
    if markdown:
        print(verdicts.markdown(comparison.verdicts, title))  # noqa: T201
        return
    console = Console(highlight=False)
    verdicts.print_comparison(console, comparison.verdicts, title)
    console.print(f"gates: {comparison.gates_of}", soft_wrap=True, markup=False)


def add_restore(commands: Commands) -> None:
    """Add ``greenbench restore``."""
    parser = commands.add_parser(
        "restore", help="restore power limits, clocks and governors that a killed run left changed"
    )
    parser.set_defaults(execute=restore)


def restore(_options: argparse.Namespace) -> int:
    """Restore what killed runs left changed and print it; return 1 if something could not be."""
    from greenbench.machine.control.restore import left_behind, recover

    messages: list[str] = []
    recover(messages.append)
    if not messages:
        messages.append("no session left a setting of this machine changed")
    print("\n".join(messages))  # noqa: T201
    return 1 if left_behind() else 0


def add_check(commands: Commands) -> None:
    """Add ``greenbench check``."""
    parser = commands.add_parser("check", help="compare experiment.md with variants/")
    _add_folder(parser)
    parser.set_defaults(execute=check)


def check(options: argparse.Namespace) -> int:
    """Print one line that says what agrees; raises Disagreements."""
    experiment = load_experiment(options.folder)
    tasks = ", ".join(task.name for task in experiment.tasks)
    folders = f"{len(experiment.variants)} folders of variants/"
    print(f"{options.folder / 'experiment.md'} and {folders} agree; tasks: {tasks}")  # noqa: T201
    return 0


COMMANDS: tuple[Callable[[Commands], None], ...] = (
    add_run,
    add_list,
    add_doctor,
    add_new,
    add_sweep_power,
    add_compare,
    add_restore,
    add_check,
)

if __name__ == "__main__":
    sys.exit(main())
