"""The command ``knobs``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import add_json, listed, print_lines, print_to_stderr

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from greenbench.analysis.knob_ranking import KnobRanking
    from greenbench.cli.arguments import Commands
    from greenbench.experiment.knob_pairs import RefusedPair
    from greenbench.experiment.matrix import Experiment
    from greenbench.run.knob_session import KnobSession

NOT_FOR_KNOBS = (
    *("allow", "block", "factorial", "gate", "interleave", "knob"),
    *("plan", "resume", "reuse", "strict", "until-sure"),
)
"""Options of a session that the command sets itself, or has no use for."""
SHORT = ("profile", "rounds")
"""Options of a session that may be written without ``green-``."""
NEW = "found"
"""What the name of the variant to paste ends with."""


def add_knobs(commands: Commands) -> None:
    """Add ``greenbench knobs``, with the options of the session that it may start."""
    from greenbench.experiment.knob_candidates import BLOCKS
    from greenbench.experiment.settings import OPTIONS

    parser = commands.add_parser(
        "knobs",
        help="every knob: what it takes and does; with --measure, which save energy here",
        epilog="e.g. greenbench knobs, greenbench knobs --measure digits --only training",
        allow_abbrev=False,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--pairs", action="store_true", help="print which two knobs cannot be set together"
    )
    form.add_argument(
        "--measure",
        nargs="*",
        metavar="TASK",
        help="measure every knob alone beside V0 on these tasks (default: all), in "
        f"{BLOCKS} blocks a group unless --rounds says otherwise, and again what seems to pay",
    )
    parser.add_argument(
        "--only", type=listed, default=(), metavar="STAGE|KNOB,...", help="these stages or knobs"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print --pairs as rows of docs/knobs.md"
    )
    add_json(parser)
    session_options = parser.add_argument_group("options of the session, as for pytest")
    for option in OPTIONS:
        if option.name not in NOT_FOR_KNOBS:
            flags = [f"--{option.name}"] if option.name in SHORT else []
            session_options.add_argument(*flags, option.flag, dest=option.flag, **option.keywords())
    parser.set_defaults(execute=knobs)


def knobs(options: argparse.Namespace) -> int:
    """Print every knob, or measure each alone and print which pay. Raises UsageError."""
    if options.measure is not None:
        return _measure(options)
    from greenbench.experiment.knob_candidates import chosen
    from greenbench.report import knob_list

    if options.pairs:
        pairs = _refused_pairs(options.only)
        if options.json:
            print(json.dumps([asdict(pair) for pair in pairs], indent=1))  # noqa: T201
        else:
            lines = knob_list.pair_rows if options.markdown else knob_list.pair_lines
            print_lines(lines(pairs))
        return 0

    suite = _suite()
    known = list(chosen(options.only, suite.baseline))
    offered = [knob for knob in known if knob.knob not in suite.absent_knobs]
    if options.json:
        print(json.dumps([knob_list.record(knob) for knob in offered], indent=1))  # noqa: T201
    else:
        tasks = list(suite.definitions)
        print_lines(knob_list.lines(offered))
        print_lines(knob_list.left_out(len(known) - len(offered), tasks))
    return 0


def _suite() -> Experiment:
    """Return the suite in this folder, whose own knobs are listed too; one of nothing elsewhere.

    Raises Disagreements if its experiment.md is inconsistent.
    """
    from greenbench.experiment import matrix

    here = Path("experiment.md")
    if not here.exists():
        return matrix.Experiment(tasks=(), models=(), variants=())
    return matrix.load(here, Path("variants"))


def _refused_pairs(only: Sequence[str]) -> list[RefusedPair]:
    """Return the pairs of settings that no machine can run."""
    from greenbench.experiment.knob_candidates import candidates
    from greenbench.experiment.knob_pairs import refused_pairs
    from greenbench.experiment.knob_rules import contradiction

    return refused_pairs(candidates(only)[0], contradiction)


def _measure(options: argparse.Namespace) -> int:
    from rich.console import Console

    from greenbench.experiment import matrix
    from greenbench.experiment.new_variant import free_name
    from greenbench.report import knob_ranking as report
    from greenbench.results.record import builtin
    from greenbench.run.knob_session import KnobSession

    session = KnobSession(vars(options), options.measure, options.only)
    print_to_stderr(session.plan)
    rankings, problem = _ranked(session)
    name = free_name(NEW, matrix.load(Path("experiment.md"), Path("variants")).variants)
    if options.json:
        commands = {one.task: report.to_paste(one, name) for one in rankings}
        found = {"tasks": rankings, "to_paste": commands, "not_measured": session.untried}
        found["origins_of_values"] = dict(session.origins)
        print(json.dumps(builtin(found)))  # noqa: T201
    else:
        console = Console(highlight=False)
        report.show(console, rankings, session.untried, name, session.origins)
    if problem:
        print_to_stderr(problem)
        return 2
    return 0


def _ranked(session: KnobSession) -> tuple[list[KnobRanking], str]:
    """Rank all settings, and those that seem to pay by a second measurement.

    Without a second one those of the first stand, and the reason is returned beside them.
    """
    from greenbench.analysis.finalists import finalists, judged_again
    from greenbench.analysis.knob_ranking import rank
    from greenbench.errors import UsageError

    screened = session.screen()
    rankings = [rank(task, screened) for task in session.tasks]
    for place, ranking in enumerate(rankings):
        trials = finalists(ranking, session.trials, session.left.finalists)
        if not trials:
            continue
        try:
            measured = session.confirm(ranking.task, trials)
        except UsageError as error:
            return rankings, str(error)
        rankings[place] = judged_again(ranking, rank(ranking.task, measured))
    return rankings, ""
