"""The command ``init``."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.cli.arguments import print_lines
from greenbench.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping

    from greenbench.cli.arguments import Commands
    from greenbench.experiment.starter.files import StarterTask
    from greenbench.experiment.starter.kinds import StarterKind

TORCH_KIND = "text-classification"
"""The default where torch is installed."""
FILES = (".csv", ".json", ".jsonl", ".parquet", ".arrow")
"""Suffixes of data that are no repository of a hub."""
TEXT_TABLES = (".csv", ".json", ".jsonl")
"""Those whose columns can be told without the packages of an extra."""
SHOWN = 8
"""Columns that a message names."""
HUB_PARTS = 2
"""Of a hub id: owner and name."""
FIRST_VARIANT = ("greenbench knobs", "greenbench new V1_name --set STAGE.KNOB=VALUE")
"""What to type where there is V0 alone: what a variant can set, and how one is made."""
OF_DATA = ("model", "data", "columns")
TASK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def add_init(commands: Commands) -> None:
    """Add ``greenbench init``."""
    parser = commands.add_parser(
        "init",
        help="make a first suite in any repository: one task, V0 and two variants",
        epilog="e.g. greenbench init, greenbench init green --yes, "
        "greenbench init --task text-classification --data reviews.csv --columns label:stars",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="where it goes (default: here)"
    )
    parser.add_argument(
        "--task",
        metavar="KIND",
        help="text-classification, regression (a number for each text), token-classification (a "
        "tag for each word), causal-lm (or seq2seq: texts that a model writes), or function: "
        "training code of your own (default: "
        "text-classification; without torch, function)",
    )
    parser.add_argument(
        "--name",
        help="the task's name (default: from the data's); a tasks/NAME.py or .yaml that is there "
        "is kept, and the suite is made around it",
    )
    parser.add_argument(
        "--model", help="a hub id, a folder, or a shipped one's name (default: a tiny shipped one)"
    )
    parser.add_argument(
        "--data", help="a table, a folder of them, or a hub id (default: made-up texts)"
    )
    parser.add_argument(
        "--columns", metavar="ROLE:COLUMN,...", help="columns of the data, like text:body,label:bad"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.set_defaults(execute=init)


def init(options: argparse.Namespace) -> int:
    """Make a suite, print what was done and what to type next. Raises UsageError."""
    from greenbench.experiment.starter import writing

    folder = options.folder
    if writing.is_suite(folder):
        print_lines(
            [
                f"{folder / 'experiment.md'}: there is a suite already; nothing was changed",
                "greenbench new V3_name --set STAGE.KNOB=VALUE adds a variant",
                *_next(folder),
            ]
        )
        return 0
    task = _task(options)
    lines = writing.make(folder, task)
    first = () if task.kind.variants else FIRST_VARIANT
    made = f"made a suite: {_about(task)}"
    print_lines([made, *lines, *_missing(task), *_next(folder, *first)])
    return 0


def _about(task: StarterTask) -> str:
    count = len(task.kind.variants)
    others = f"V0 and {count} variants" if count else "V0 alone"
    return f"task {task.name} ({task.kind.name}), {others}"


def _next(folder: Path, *first: str) -> list[str]:
    """Return what to type next, in the suite's folder; the commands ``first`` before the others."""
    enter = [] if folder == Path() else [f"cd {shlex.quote(str(folder))}"]
    commands = [*enter, *first, "pytest bench", "greenbench compare results"]
    return ["next:", *(f"  {command}" for command in commands)]


def _missing(task: StarterTask) -> list[str]:
    """Return the line that installs what a kind needs and this environment lacks."""
    from greenbench import extras
    from greenbench.experiment.starter.kinds import FUNCTION

    if task.kind.name == FUNCTION or _has_torch():
        return []
    return [f"this environment lacks what its model runs in: {extras.install_line('suite')}"]


def _has_torch() -> bool:
    from greenbench import extras

    return not set(extras.missing("suite")) & set(extras.PIPELINE)


def _default_kind() -> str:
    from greenbench.experiment.starter.kinds import FUNCTION

    return TORCH_KIND if _has_torch() else FUNCTION


def _ask(options: argparse.Namespace) -> None:
    """Ask for what no option says: the kind, and for a model in torch its data and itself."""
    from greenbench.experiment.starter.kinds import ALIASES, FUNCTION, KINDS

    if options.task is None:
        question = f"Which kind of task: {', '.join(KINDS)}?"
        options.task = _answer(question, _default_kind(), {*KINDS, *ALIASES})
    if options.task == FUNCTION:
        return
    if options.data is None:
        question = "Which data: a file, a folder or a hub id? (Return: made-up texts)"
        options.data = _answer(question, "") or None
    if options.model is None:
        options.model = _answer("Which model: a hub id or a folder?", _kind(options.task).model)


def _answer(question: str, default: str, allowed: Collection[str] = ()) -> str:
    """Return what a person answers, or the default; raises UsageError at the end of the input."""
    prompt = f"{question} [{default}] " if default else f"{question} "
    while True:
        try:
            answer = input(prompt).strip() or default
        except EOFError:
            raise UsageError(
                "greenbench init: the input has ended, and nothing was written; answer the "
                "questions, or give --yes"
            ) from None
        if not allowed or answer in allowed:
            return answer


def _task(options: argparse.Namespace) -> StarterTask:
    """Return the task that the options describe; raises UsageError."""
    from greenbench.experiment.option_parsers import RawOption, roles
    from greenbench.experiment.starter.existing import existing_task
    from greenbench.experiment.starter.files import StarterTask
    from greenbench.experiment.starter.kinds import FUNCTION

    existing = existing_task(options.folder, _name(options))
    if existing:
        _refuse(options, "task", *OF_DATA, why=f"{existing.file} is there, and says it")
        return existing
    if not options.yes and sys.stdin.isatty() and sys.stdout.isatty():
        _ask(options)
    kind = _kind(options.task or _default_kind())
    if kind.name == FUNCTION:
        _refuse(options, *OF_DATA, why=f"a task of kind {FUNCTION} says it in its own file")
    data = _source(options.data, options.folder, "--data") if options.data else ""
    columns = dict(kind.columns) if not data else {}
    if options.columns:
        columns = roles(RawOption("--columns", options.columns))
    if data:
        _refuse_unclear_columns(options.data, kind.name, columns)
    model = _source(options.model, options.folder, "--model") if options.model else kind.model
    name = _name(options) or kind.task
    return StarterTask(name=name, kind=kind, model=model, data=data, columns=columns)


def _refuse_unclear_columns(data: str, kind: str, chosen: Mapping[str, str]) -> None:
    """Raise UsageError if it cannot be told which column of a table has which role."""
    from greenbench.data import tables
    from greenbench.data.places import local_path
    from greenbench.tasks.kinds.rows import ROLES

    file = local_path(data)
    if file.suffix not in TEXT_TABLES or not file.is_file():
        return
    present = tables.columns(file)
    for role, recognised in ROLES[kind].items():
        sought = (chosen[role],) if role in chosen else recognised
        fitting = [name for name in present if name in sought or name.lower() in sought]
        if len(fitting) != 1:
            found = "several columns" if fitting else "no column"
            listed = ", ".join(present[:SHOWN])
            raise UsageError(
                f"greenbench init: --data {data}: {found} for the {role} ({', '.join(sought)}) "
                f"among {listed}; say which has it: --columns {role}:COLUMN"
            )


def _kind(text: str) -> StarterKind:
    from greenbench.experiment.starter.kinds import ALIASES, KINDS

    name = ALIASES.get(text, text)
    if name not in KINDS:
        known = ", ".join((*KINDS, *ALIASES))
        raise UsageError(f"greenbench init: --task {text}: there is no such kind; take {known}")
    return KINDS[name]


def _refuse(options: argparse.Namespace, *names: str, why: str) -> None:
    """Raise UsageError if one of these options is given."""
    for name in names:
        if getattr(options, name):
            raise UsageError(f"greenbench init: --{name}: {why}; leave it out")


def _source(text: str, folder: Path, option: str) -> str:
    """Return a path relative to the suite's folder, or a hub id or name as it is.

    Raises UsageError for what can only be a path, and is none.
    """
    from greenbench.data.places import local_path

    path = local_path(text)
    if path.exists():
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    elsewhere = path.is_absolute() or text.startswith((".", "~"))
    if elsewhere or path.suffix in FILES or len(path.parts) > HUB_PARTS:
        raise UsageError(f"greenbench init: {option} {text}: there is no such file or folder")
    return text


def _name(options: argparse.Namespace) -> str:
    """Return the task's name, ``""`` if nothing gives one; raises UsageError for a wrong one."""
    if options.name is None:
        stem = Path(options.data).stem if options.data else ""
        words = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_")
        return words if TASK_NAME.fullmatch(words) else ""
    if not TASK_NAME.fullmatch(options.name):
        raise UsageError(
            f"greenbench init: --name {options.name}: a task's name is one word of letters, digits "
            "and _, and begins with a letter"
        )
    return str(options.name)
