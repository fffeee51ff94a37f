"""Every command in the documentation is one: programs, options, gates, cells and files exist.

Commands in fences and in code spans are read by the parsers of greenbench and pytest; what measures
is resolved as far as a session is before its first cell, down to the cells that ``-k`` selects.
What cannot be read so stands in ``NOT_CHECKED``, with the reason.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shlex
import shutil
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import stub_suite
from _pytest.mark.expression import Expression

from greenbench.cli import COMMANDS, main
from greenbench.cli.arguments import CommandParser
from greenbench.experiment import matrix
from greenbench.run.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
ELSEWHERE = {
    "docs/own-task.md": "its commands are typed in suites that it makes: test_own_task_docs.py",
}
"""Pages that are not read here, and why."""
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "tests/README.md",
    *sorted({*ROOT.glob("docs/**/*.md")} - {ROOT / page for page in ELSEWHERE}),
    *sorted(ROOT.glob("variants/*/README.md")),
]
FENCE = re.compile(r"^```[^`\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PROGRAM = re.compile(
    r"(greenbench|pytest|python3?|pip|mkdocs|[\w./]+/run\.sh|tools/\w+\.sh)(?: |$)"
)
NOT_CHECKED = {
    "python3 -m venv .venv": "makes the environment that tests run in; .ci/run runs it",
    "pip": "installs packages; .ci/run runs the same installations",
    "mkdocs": "builds the pages; .ci/run runs it",
}
"""Beginnings of commands that no parser here reads, and why."""
NOT_RUN = {
    "greenbench doctor --sensor": "reads a class of the reader's own",
    "greenbench ci": "measures two commits: run/change/test_job.py and test_workflows.py run it",
    "greenbench submit": "starts jobs: tests of cluster/ submit them to each engine",
    "greenbench status": "reads a run that cluster/ makes",
    "greenbench fetch": "reads a run that cluster/ makes",
    "greenbench resubmit": "reads a run that cluster/ makes",
    "greenbench cancel": "reads a run that cluster/ makes",
    "greenbench export results --mlflow": "needs a database; export/test_places.py has none",
    "greenbench init": "writes a suite: test_init.py does in folders of its own",
    "greenbench knobs": "measures for minutes: plugin/test_knob.py runs such a session",
    "greenbench search": "measures for minutes: search/test_command.py runs one",
    "greenbench new": "starts from variants of this repository: experiment/test_new_variant.py",
}
"""Beginnings of commands in fences that are read, and not run below, and why."""
PLACEHOLDERS = {"N": "2", "MAXROUNDS": "4"}
"""What stands for a number in a code span."""
CHEAP = ("greenbench list docs/study", "greenbench knobs", "greenbench list")
"""Commands that are run as they stand: they measure and write nothing."""


def fenced(text: str) -> Iterator[str]:
    """Yield the commands in fences; what stands two blanks after one explains it."""
    for match in FENCE.finditer(text):
        for line in re.sub(r"\s*\\\n\s*", " ", match[1]).splitlines():
            for part in re.split(r" && | {2,}", line.strip().removeprefix("$ ")):
                command = re.sub(r"^(?:[A-Z]+=\S+ +)?(?:\.venv/bin/)?", "", part.strip())
                if PROGRAM.match(command):
                    yield " ".join(command.split())


def in_spans(text: str) -> Iterator[str]:
    """Yield the commands with arguments in code spans, but for those that leave something out."""
    for match in SPAN.finditer(FENCE.sub("", text)):
        for part in re.split(r"; | >> ", " ".join(match[1].split())):
            command = part.removeprefix("time ").removeprefix(".venv/bin/")
            if PROGRAM.match(command) and " " in command and "..." not in command:
                yield command


def documented(commands: Any) -> dict[str, str]:
    """Return each command once, with the page that has it first."""
    pages: dict[str, str] = {}
    for page in PAGES:
        for command in commands(page.read_text("utf-8")):
            pages.setdefault(command, str(page.relative_to(ROOT)))
    return pages


load_once = cache(matrix.load)


@pytest.fixture
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are typed at the root of the checkout, whose matrix is read once."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(matrix, "load", load_once)


def check(command: str, config: pytest.Config, *, resolve: bool) -> str:
    """Return what is wrong with a command; ``resolve`` reads the values of options too."""
    if any(command.startswith(beginning) for beginning in NOT_CHECKED):
        return check_extras(command)
    try:
        program, *arguments = (PLACEHOLDERS.get(word, word) for word in shlex.split(command))
        if program == "greenbench":
            check_greenbench(arguments, config, resolve=resolve)
        elif program == "pytest":
            check_pytest(arguments, config, resolve=resolve)
        elif program.startswith("python"):
            return check_python(arguments)
        else:
            assert os.access(program, os.X_OK), f"{program} is no program here"
            check_pytest(["bench", *arguments], config, resolve=bool(arguments))
    except (Exception, SystemExit) as error:  # noqa: BLE001  a page has many commands: all are told
        return f"{type(error).__name__}: {error}"
    return ""


def check_extras(command: str) -> str:
    """Say which extra of an installation does not exist."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    for extra in re.findall(r"\.\[(\w+)\]", command):
        if extra not in project["optional-dependencies"]:
            return f"no extra {extra}"
    return ""


def check_greenbench(arguments: list[str], config: pytest.Config, *, resolve: bool) -> None:
    """Read a command line of greenbench; what is pytest's, as pytest's."""
    of_pytest: list[str] = []
    if "--" in arguments:
        place = arguments.index("--")
        arguments, of_pytest = arguments[:place], arguments[place + 1 :]
    parser, commands = greenbench_parser()
    if not resolve:  # a sentence may leave out what has to stand beside an option
        known = commands.choices.get(arguments[0], parser)._option_string_actions
        flags = re.findall(r"--[a-z][\w-]*", " ".join(arguments))
        assert arguments[0] == "run" or set(flags) <= set(known), f"unrecognised: {flags}"
        return
    options, rest = parser.parse_known_args(arguments)
    if arguments[0] in {"run", "ci", "submit"}:
        check_pytest(["bench", *rest, *of_pytest], config, resolve=resolve)
    else:
        assert not rest, f"unrecognised: {rest}"
        assert options.execute


@cache
def greenbench_parser() -> tuple[CommandParser, Any]:
    """Return the parser of the command line, and its commands."""
    parser = CommandParser(prog="greenbench")
    commands = parser.add_subparsers(required=True)
    for add_command in COMMANDS:
        add_command(commands)
    return parser, commands


def check_pytest(arguments: list[str], config: pytest.Config, *, resolve: bool) -> None:
    """Read a command line of pytest, and resolve what a session does before its first cell."""
    known, unknown = config._parser.parse_known_and_unknown_args(arguments)
    assert not unknown, f"unrecognised: {unknown}"
    expression = Expression.compile(known.keyword) if known.keyword else None
    for place in known.file_or_dir:
        assert Path(place.partition("::")[0]).exists(), f"no {place}"
    if not resolve or "bench" not in known.file_or_dir:
        return

    def typed(flag: str) -> object:
        return getattr(known, flag.lstrip("-").replace("-", "_"), None)

    session = Session(typed, ROOT, ROOT / "experiment.md", ROOT / "variants")
    for task in session.matrix.tasks:
        session.cells(task.name)
    ids = [cell_id.lower() for cell_id in session.offered]
    selected = []
    for cell_id in ids:
        if expression is None or expression.evaluate(lambda word, i=cell_id: word.lower() in i):
            selected.append(cell_id)
    assert selected, f"-k {known.keyword} selects no cell"


def check_python(arguments: list[str]) -> str:
    """Say which file, module or option of a Python program does not exist."""
    if arguments[0] == "-m":
        found = importlib.util.find_spec(arguments[1])
        if found is None or found.origin is None:
            return f"no module {arguments[1]}"
        file = Path(found.origin)
        if arguments[1] in {"pip", "pytest"}:
            return ""
    else:
        file = Path(arguments[0])
        if not file.exists():
            return f"no file {file}"
    source = file.read_text("utf-8")
    for word in arguments:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in source and not flag.startswith("--green-"):
            return f"{file} has no {flag}"
    return ""


@pytest.mark.usefixtures("at_the_root")
@pytest.mark.parametrize(
    ("commands", "fewest", "resolve"), [(fenced, 41, True), (in_spans, 21, False)]
)
def test_documented_commands_are_read_by_their_parsers(
    commands: Any, fewest: int, *, resolve: bool, pytestconfig: pytest.Config
) -> None:
    """What one pastes starts: options, gates, keywords, files and extras exist.

    What a sentence mentions has these sub-commands and options.
    """
    found = documented(commands)
    assert len(found) >= fewest
    problems = {}
    for command, page in found.items():
        problem = check(command, pytestconfig, resolve=resolve)
        if problem:
            problems[f"{page}: {command}"] = problem
    assert not problems


@pytest.mark.usefixtures("at_the_root")
@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("greenbench analyse results --kep 0.01", "unrecognised"),
        ("greenbench analyze results", "SystemExit"),
        ("pytest bench -k V99", "selects no cell"),
        ("pytest bench --green-round 5", "unrecognised"),
        ('pytest bench --green-gate "enery <= V0"', "enery"),
        ("pytest tests/nowhere", "no tests/nowhere"),
        ("python tools/nothing.py", "no file"),
        ("python tools/density.py --loud", "has no --loud"),
        ('pip install -e ".[nothing]"', "no extra nothing"),
        ("variants/V99_x/run.sh", "no program"),
    ],
)
def test_a_command_that_is_none_is_found_out(
    command: str, problem: str, pytestconfig: pytest.Config
) -> None:
    """Each check fails for what it is about."""
    assert problem in check(command, pytestconfig, resolve=True)


@pytest.mark.parametrize("command", CHEAP)
@pytest.mark.usefixtures("at_the_root")
def test_commands_that_measure_nothing_run(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They end with 0, and say something."""
    known = {**documented(fenced), **documented(in_spans)}
    assert any(command.startswith(other) or other.startswith(command) for other in known)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


@pytest.mark.slow
def test_commands_about_results_run(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each ends with 0, or with 1 for a gate, on what a session left; no file is called wrong."""
    stub_suite.write(pytester.path)
    (pytester.path / "variants/V1_fast").rename(pytester.path / "variants/V7_all_optimised")
    table = pytester.path / "experiment.md"
    table.write_text(table.read_text().replace("V1_fast", "V7_all_optimised"))
    assert not stub_suite.run_here(pytester, "--green-rounds=3", "--benchmark-json=main.json").ret
    shutil.copy("main.json", "pr.json")
    shutil.copytree("results", "results/study")
    capsys.readouterr()
    problems = {}
    for command in documented(fenced):
        if command.startswith("greenbench ") and not command.startswith(tuple(NOT_RUN)):
            status = main(shlex.split(command)[1:])
            if status not in {0, 1}:
                problems[command] = capsys.readouterr().err
    assert not problems
    for name in ("report.html", "results.parquet", "energy.md", "energy.spdx.json", "figures"):
        assert Path(name).exists(), name


def test_exceptions_are_needed() -> None:
    """Each of them is the beginning of a command that is documented."""
    known = list(itertools.chain(documented(fenced), documented(in_spans)))
    for beginning in (*NOT_CHECKED, *NOT_RUN):
        assert any(command.startswith(beginning) for command in known), beginning
