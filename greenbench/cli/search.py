"""The command ``search``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import add_json, print_to_stderr

if TYPE_CHECKING:
    import argparse

    from greenbench.cli.arguments import CommandParser, Commands
    from greenbench.report.search import SearchTexts
    from greenbench.search.course import Course
    from greenbench.search.journal import SearchJournal
    from greenbench.search.racing import SearchRules
    from greenbench.search.readings import Evaluator

NOT_FOR_SEARCH = (
    *("allow", "block", "factorial", "fresh", "gate", "interleave", "keep-outputs", "knob"),
    *("plan", "report", "resume", "reuse", "rounds", "scored", "strict", "until-sure"),
)
"""Options of a session that the command sets itself, or has no use for."""
NEW = "found"
"""What the name of the variant to paste ends with."""


def add_search(commands: Commands) -> None:
    """Add ``greenbench search``, with the options of the sessions that it starts."""
    from greenbench.experiment.settings import OPTIONS

    parser = commands.add_parser(
        "search",
        help="the setting of knobs that takes least and keeps the score, confirmed",
        epilog="e.g. greenbench search sentiment --quality 'accuracy >= V0-0.02' --budget 30min "
        "--knobs data.batch_size=8..128,inference.skip_layers",
        allow_abbrev=False,
    )
    _add_own(parser)
    session_options = parser.add_argument_group("options of the sessions, as for pytest")
    for option in OPTIONS:
        if option.name not in NOT_FOR_SEARCH:
            flags = ["--profile"] if option.name == "profile" else []
            session_options.add_argument(*flags, option.flag, dest=option.flag, **option.keywords())
    parser.set_defaults(execute=search)


def _add_own(parser: CommandParser) -> None:
    """Add what is searched for."""
    add = parser.add_argument
    add("task", metavar="TASK")
    quality = "what the score has to keep, as in a gate: 'mcc >= V0-0.02'"
    add("--quality", required=True, metavar="EXPR", help=quality)
    knobs = (
        "which knobs, at which values (default: all, at the values that `greenbench knobs "
        "--measure` tries)"
    )
    add("--knobs", default="", metavar="KNOB[=LOW..HIGH|=VALUE,...],...", help=knobs)
    budget = "the most that it takes: 200kJ, 30min, or 60 evaluations (default: 60)"
    add("--budget", default="60", metavar="AMOUNT", help=budget)
    minimise = "energy, energy_gpu, j_per_correct, time, ... (default: energy)"
    add("--minimise", default="energy", metavar="METRIC", help=minimise)
    slowdown = "the most that it may take of V0's time, e.g. 1.5 (default: any)"
    add("--slowdown", type=float, metavar="TIMES", help=slowdown)
    journal = (
        "where each block is kept; the same command goes on from it (default: search_TASK.jsonl in "
        "the results folder)"
    )
    add("--journal", type=Path, metavar="FILE", help=journal)
    front = "print which settings of the search no other one beats in both energy and score"
    add("--front", action="store_true", help=front)
    add("--write", action="store_true", help="make the variant of what is confirmed")
    add_json(parser)


def search(options: argparse.Namespace) -> int:
    """Search, confirm, and print the answer. Raises UsageError or UnavailableError."""
    from greenbench import extras
    from greenbench.report.search import SearchTexts
    from greenbench.run.search_cells import CellEvaluator, SearchedSuite
    from greenbench.run.search_sessions import COMMAND
    from greenbench.search.budget import budget_of
    from greenbench.search.course import Course
    from greenbench.search.journal import SearchJournal
    from greenbench.search.proposals import OptunaProposer, SurfaceProposer, Together
    from greenbench.search.racing import SearchRules

    extras.require("search", COMMAND)
    given = {name: value for name, value in vars(options).items() if name.startswith("--green-")}
    suite = SearchedSuite(given, options.task, options.quality, options.minimise)
    space = suite.space(options.knobs)
    budget = budget_of(options.budget)
    evaluator = CellEvaluator(suite, space)
    course = Course(
        space=space,
        rules=SearchRules(slowdown=options.slowdown),
        budget=budget,
        proposer=Together(SurfaceProposer(), OptunaProposer()),
        refusal=evaluator.refusal,
        seed=suite.session.settings.seed,
    )
    texts = SearchTexts(options.task, suite.quality, options.minimise, space)
    results = suite.session.settings.results
    path = options.journal or results / f"search_{options.task}.jsonl"
    with SearchJournal(path, _about(options, given, course), space) as journal:
        _run(course, evaluator, journal, texts)
        return _print(options, texts, journal, course.rules)


def _about(
    options: argparse.Namespace, given: dict[str, object], course: Course
) -> dict[str, object]:
    """Return what decides the course of a search: the same command goes on, another does not."""
    from greenbench import __version__
    from greenbench.run.conditions import sha256_of_code
    from greenbench.run.suite_files import suite_files

    levels = {axis.knob: axis.levels for axis in course.space.axes}
    session = {}
    for name, value in given.items():
        if value is not None and value is not False:
            session[name] = str(value)
    return {
        "version": __version__,
        "code of greenbench or of the suite": sha256_of_code(suite_files(Path()))[:12],
        "task": options.task,
        "quality": options.quality,
        "knobs": levels,
        "budget": options.budget,
        "minimise": options.minimise,
        "slowdown": options.slowdown,
        "options of the session": session,
    }


def _run(course: Course, evaluator: Evaluator, journal: SearchJournal, texts: SearchTexts) -> None:
    """Measure block after block, each kept before the next one begins."""
    from greenbench.report import search as report
    from greenbench.search.answer import answer

    if journal.blocks:
        print_to_stderr(f"{journal.path}: going on after {len(journal.blocks)} blocks")
    while plan := course.next_plan(journal.blocks):
        journal.add(evaluator.measure(plan))
        so_far = answer(journal.blocks, course.rules)
        spent = course.budget.spent(journal.blocks)
        latest = journal.blocks[-1]
        print_to_stderr(report.progress(texts, course.budget, latest, so_far, spent))


def _print(
    options: argparse.Namespace, texts: SearchTexts, journal: SearchJournal, rules: SearchRules
) -> int:
    """Print the answer, and make the variant if that is asked for."""
    from rich.console import Console

    from greenbench.experiment import matrix
    from greenbench.experiment.new_variant import free_name
    from greenbench.report import search as report
    from greenbench.results.record import builtin
    from greenbench.search.answer import with_payback

    found = with_payback(journal.blocks, rules, of_joules=options.minimise == "energy")
    known = matrix.load(Path("experiment.md"), Path("variants")).variants
    name = free_name(NEW, known)
    if options.json:
        print(json.dumps(builtin(report.as_json(texts, found, name))))  # noqa: T201
    else:
        console = Console(highlight=False)
        report.show(console, texts, found, name, front=options.front)
    if options.write and found.recommended is not None:
        _write(name, texts.space.text(found.recommended.point))
    return 0


def _write(name: str, settings: str) -> None:
    """Make the variant of what is confirmed; raises UsageError."""
    from greenbench.experiment import new_variant

    made = new_variant.make(
        Path(), name, origin="V0", settings=settings.split(), title="Found by search"
    )
    print_to_stderr(f"made {made.variant.folder}")
