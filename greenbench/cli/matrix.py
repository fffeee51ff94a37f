"""Commands on the matrix: ``list``, ``check`` and ``new``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import add_folder, add_json, print_lines

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import Commands
    from greenbench.experiment.matrix import Experiment


def add_list(commands: Commands) -> None:
    """Add ``greenbench list``."""
    parser = commands.add_parser(
        "list", help="the matrix, resolved: what each variant changes against the baseline"
    )
    add_folder(parser)
    add_json(parser)
    parser.set_defaults(execute=list_variants)


def list_variants(options: argparse.Namespace) -> int:
    """Print the knobs that each variant changes, as in its results; raises Disagreements."""
    from greenbench.experiment.task_knobs import left_out
    from greenbench.report import variants

    experiment = load_experiment(options.folder)
    known, tasks = experiment.variants, list(experiment.definitions.values())
    if options.json:
        records = [variants.record(variant, tasks) for variant in known]
        print(json.dumps(records, indent=1))  # noqa: T201
        return 0
    from rich.console import Console

    variants.show(Console(highlight=False), known)
    for task in tasks:
        print_lines(left_out(task, known))
    return 0


def load_experiment(folder: Path) -> Experiment:
    """Load the experiment in ``folder``; raises Disagreements."""
    from greenbench.experiment import matrix

    return matrix.load(folder / "experiment.md", folder / "variants")


def add_check(commands: Commands) -> None:
    """Add ``greenbench check``."""
    parser = commands.add_parser("check", help="compare experiment.md with variants/")
    add_folder(parser)
    parser.set_defaults(execute=check)


def check(options: argparse.Namespace) -> int:
    """Print one line that says what agrees; raises Disagreements."""
    from greenbench.report.cost import plural

    experiment = load_experiment(options.folder)
    tasks = ", ".join(task.name for task in experiment.tasks)
    folders = f"{plural(len(experiment.variants), 'folder')} of variants/"
    print_lines([f"{options.folder / 'experiment.md'} and {folders} agree; tasks: {tasks}"])
    return 0


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
    parser.add_argument(
        "--allow", choices=["same"], help="same: it may equal another variant, as an A/A control"
    )
    parser.add_argument("--title", help="its name in the table (default: from the folder's name)")
    parser.set_defaults(execute=new)


def new(options: argparse.Namespace) -> int:
    """Make a variant, print what it changes and what to run next.

    Raises UsageError; then nothing has changed.
    """
    from greenbench.experiment import new_variant
    from greenbench.experiment.knobs import changes, in_words
    from greenbench.report.variants import CONTROL

    made = new_variant.make(
        options.folder,
        options.name,
        origin=options.origin,
        settings=options.knobs,
        title=options.title,
        may_be_copy=options.allow is not None,
    )
    variant = made.variant
    lines = [
        f"made {variant.folder} from {made.origin.name}; what it changes against the baseline:"
    ]
    for difference in changes(variant):
        knob = difference.knob
        before, here = in_words(knob, difference.baseline), in_words(knob, difference.here)
        lines.append(f"  {knob}: {before} -> {here}")
    if not changes(variant):
        lines.append(f"  {CONTROL}")
    experiment = options.folder / "experiment.md"
    lines.append(f"{experiment} has its row, a line in the checklist and one in the changelog")
    lines.append(
        "next: write in its README.md what to expect, then run "
        f'pytest bench -k "V0_ or {variant.name}"'
    )
    print_lines(lines)
    return 0
