"""A job that measures a change and its base in turns: what ``greenbench ci`` runs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from greenbench.errors import UsageError
from greenbench.experiment import matrix
from greenbench.gates.verdict import any_fails
from greenbench.results import files
from greenbench.run.change import environments, judging, trees
from greenbench.run.change.cleanup import Workspace, signals_end_the_job
from greenbench.run.change.merging import merged
from greenbench.run.change.sessions import BlockSession, Sessions, TreeSide
from greenbench.run.rules import demanded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.run.change.trees import Checkout
    from greenbench.run.rules import Rules

FEWEST_BLOCKS = 2
"""The fewest that show how much blocks differ."""
BENCH = "bench"
"""The folder of a suite, which pytest collects where the change has one."""
SETS = 2
"""A first set of blocks, and a fresh one that confirms an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """What a call of ``greenbench ci`` asks for."""

    folder: Path
    """Where it was called, in the checkout of the change."""
    ref: str
    """The branch that the change is to be merged into."""
    blocks: int
    """Of a set; each has a session of either side."""
    expressions: Sequence[str]
    """Gates; the project's own without any."""
    allow: Collection[str]
    strict: bool
    results: Path
    pytest_arguments: Sequence[str]
    base_python: str
    """An interpreter with the base's dependencies; empty if none is there."""
    base_install: str
    """How pip installs the base into an environment of its own; empty if its files say so."""
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOutcome:
    """What a job found."""

    checkout: Checkout
    first: Sequence[Verdict]
    """The verdicts of the first set of blocks."""
    verdicts: Sequence[Verdict]
    """The same, with alarms confirmed or not by a second set."""
    rules: Rules
    sessions: Sequence[BlockSession]
    blocks: int
    notes: Sequence[str]

    @property
    def sets(self) -> int:
        """How many sets of blocks ran: two where there was an alarm."""
        return 1 + any(session.block >= self.blocks for session in self.sessions)

    @property
    def failed(self) -> bool:
        """Whether a verdict fails, or a test failed."""
        if any(session.failed for session in self.sessions):
            return True
        return any_fails(self.verdicts, strict=self.rules.strict)


class Sides(NamedTuple):
    """Both sides of a job."""

    base: TreeSide
    head: TreeSide


def measure_change(request: ChangeRequest, say: Callable[[str], None]) -> ChangeOutcome:
    """Measure a change and its base, and judge the change.

    The worktree of the base is removed however this process ends. Raises UsageError for what is
    wrong in the call, and for a session that measures nothing.
    """
    if request.blocks < FEWEST_BLOCKS:
        raise UsageError(f"--blocks={request.blocks}: give {FEWEST_BLOCKS} or more")
    rules = _rules(request, [])
    if request.expressions and not judging.compares_sides(rules.gates):
        raise UsageError(
            "--gate: no gate compares the change with its base; give one with 'saved', such as "
            "'energy <= 1.05*saved', or run pytest bench with these gates"
        )
    files.check_folder(request.results)
    checkout = trees.find_checkout(request.folder, request.ref)
    with signals_end_the_job(), Workspace(checkout.top) as workspace:
        tree = workspace.folder / "base"
        trees.add_worktree(checkout, tree)
        python, note = _base_python(request, checkout, workspace, tree, say)
        sides = _sides(checkout, tree, request.python, python)
        arguments = list(request.pytest_arguments)
        if (request.folder / BENCH).is_dir():
            arguments.insert(0, BENCH)
        sessions = Sessions(workspace, arguments, SETS * request.blocks)
        _compile(workspace, sides.base, sides.head)
        outcome = _Job(request, checkout, sides, sessions, say).outcome()
    return replace(outcome, notes=(*outcome.notes, note)) if note else outcome


def _sides(checkout: Checkout, tree: Path, python: str, base_python: str) -> Sides:
    """Return base and head, each with its tree and its interpreter."""
    base = TreeSide(
        name="base",
        label=checkout.base_name,
        tree=tree,
        place=checkout.place,
        python=base_python,
    )
    head = TreeSide(
        name="head",
        label="this session",
        tree=checkout.top,
        place=checkout.place,
        python=python,
    )
    return Sides(base, head)


def _base_python(
    request: ChangeRequest,
    checkout: Checkout,
    workspace: Workspace,
    tree: Path,
    say: Callable[[str], None],
) -> tuple[str, str]:
    """Return the interpreter of the base, and a note if it is not that of the change.

    Where the base states other dependencies, they are installed into an environment of its own.
    Raises UsageError where nothing says how, or if that fails.
    """
    if request.base_python:
        return request.base_python, f"the base ran with {request.base_python}"
    differing = ", ".join(trees.other_dependencies(checkout, tree))
    if not differing and not request.base_install:
        return request.python, ""
    project = tree / checkout.place
    arguments = request.base_install or environments.install_arguments(
        tree, project, _extras(request.folder)
    )
    if not arguments:
        raise UsageError(
            f"greenbench ci: {differing} of {checkout.base_name} states other dependencies than "
            "the checkout, and neither requirements.txt nor [project] in pyproject.toml says how "
            "pip installs them; give pip's arguments by --base-install, or an interpreter with "
            "the base's dependencies by --base-python"
        )
    say(f"the base gets an environment of its own: pip install {arguments}")
    python = environments.build(workspace, project, arguments)
    why = f", as {differing} differs" if differing else ""
    return python, f"the base ran in an environment of its own{why}: pip install {arguments}"


def _compile(workspace: Workspace, *sides: TreeSide) -> None:
    """Compile the modules of both trees, so that no measured import does; errors are pytest's."""
    for side in sides:
        command = [side.python, "-m", "compileall", "-q", "-x", r"[/\\]\.", str(side.tree)]
        try:
            workspace.run(command, folder=side.tree, log=workspace.folder / "compileall.log")
        except OSError as error:
            raise UsageError(
                f"--base-python={side.python}: it cannot be run ({error.strerror}); name an "
                "interpreter with the base's packages"
            ) from error


def _rules(request: ChangeRequest, cells: Sequence[Mapping[str, Measured]]) -> Rules:
    """Return the gates that hold; the defaults depend on what the ``cells`` of both sides know."""
    return demanded(
        cells,
        request.expressions,
        request.allow,
        strict=request.strict,
        folder=request.folder,
        scores=None if cells else _scores(request.folder),
    )


def _scores(folder: Path) -> dict[str, dict[str, bool]] | None:
    """Return the scores of each task of the suite in ``folder``; None if it cannot be read."""
    suite = _suite(folder)
    return None if suite is None else suite.scores


def _extras(folder: Path) -> set[str]:
    """Return the extras of greenbench that the tasks of the suite in ``folder`` need."""
    suite = _suite(folder)
    if suite is None:
        return set()
    return {task.extra for task in suite.definitions.values() if task.extra}


def _suite(folder: Path) -> matrix.Experiment | None:
    """Return the suite in ``folder``; None if it cannot be read, as the job's sessions will say."""
    try:
        return matrix.load(folder / "experiment.md", folder / "variants")
    except UsageError:
        return None


class _Job:
    """The blocks of one job, and what they show."""

    def __init__(
        self,
        request: ChangeRequest,
        checkout: Checkout,
        sides: Sides,
        sessions: Sessions,
        say: Callable[[str], None],
    ) -> None:
        self._request, self._checkout = request, checkout
        self._base, self._head = sides
        self._sessions = sessions
        self._say = say
        self._id = uuid.uuid4().hex

    def outcome(self) -> ChangeOutcome:
        """Measure a set of blocks, and a second one if the first gives an alarm."""
        head, base = self._measured(0)
        rules = _rules(self._request, [base, head])
        name, allow = self._base.label, rules.allow
        first = judging.verdicts_on(rules.gates, head, base, base_name=name, allow=allow)
        verdicts: Sequence[Verdict] = first
        alarms = [verdict for verdict in first if judging.is_alarm(verdict)]
        if alarms and not any(session.failed for session in self._sessions.finished):
            names = ", ".join(dict.fromkeys(alarm.cell for alarm in alarms))
            self._say(f"a loss in {names}: a second, fresh set of blocks confirms it or not")
            head, base = self._measured(1)
            second = judging.verdicts_on_alarms(alarms, head, base, base_name=name, allow=allow)
            verdicts = judging.confirmed(first, second)
        return ChangeOutcome(
            checkout=self._checkout,
            first=first,
            verdicts=verdicts,
            rules=rules,
            sessions=self._sessions.finished,
            blocks=self._request.blocks,
            notes=self._notes(),
        )

    def _measured(self, number: int) -> tuple[dict[str, Measured], dict[str, Measured]]:
        """Measure set ``number``; return the cells of the change and of the base.

        Every second block begins with the change, so that a drift strikes both alike. A test that
        fails ends the set: it would fail in every block.
        """
        blocks = self._request.blocks
        measured: list[BlockSession] = []
        for block in range(number * blocks, (number + 1) * blocks):
            first, second = self._base, self._head
            if block % 2:
                first, second = second, first
            left = _time_left(measured, 2 * blocks)
            sides = f"{first.name}, then {second.name}"
            self._say(f"block {block % blocks + 1} of {blocks}: {sides}{left}")
            measured.append(self._sessions.measure(first, second, block))
            measured.append(self._sessions.measure(second, first, block))
            if any(session.failed for session in measured):
                break
        cells = []
        for side in (self._head, self._base):
            of_side = [session for session in measured if session.side == side.name]
            cells.append(merged(of_side, self._id))
        return cells[0], cells[1]

    def _notes(self) -> list[str]:
        """Say what a reader has to know about the two sides."""
        notes = []
        for session in self._sessions.finished:
            if session.failed:
                notes.append(f"a test of {session.side} failed in block {session.block + 1}")
        if self._checkout.base == self._checkout.head and not self._checkout.is_dirty:
            notes.append("base and change are the same commit: this is a comparison with itself")
        return notes


def _time_left(measured: Sequence[BlockSession], sessions: int) -> str:
    """Say how long the rest of a set of ``sessions`` takes, once one shows it."""
    if not measured:
        return ""
    seconds = sum(session.seconds for session in measured) / len(measured)
    return f"; about {seconds * (sessions - len(measured)):.0f} s left"
