"""Measures single knobs beside V0, in sessions of pytest: ``greenbench knobs --measure``.

All of them are measured first, in groups, each a session with a V0 of its own: a machine changes
within minutes, so a block is to be short. For each task a last session has what seemed to pay.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from greenbench.analysis.finalists import MOST
from greenbench.errors import UsageError
from greenbench.experiment import knob_candidates, matrix
from greenbench.experiment.knob_candidates import Untried
from greenbench.experiment.task_knobs import foreign_knob_problems
from greenbench.results.reading import is_baseline
from greenbench.run.refusals import refusal
from greenbench.run.session import Session, check_packages
from greenbench.run.trial_sessions import KNOB, STOPPED, UnfinishedSession, measure_trials
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.sessions import AnalysedSession
    from greenbench.experiment.knob_trials import KnobTrial
    from greenbench.tasks import Task
    from greenbench.types import Cell

COMMAND = "greenbench knobs"
ROUNDS, SEED = "--green-rounds", "--green-seed"
MINUTES = 15
"""What all of it should take; the second measurement has the time that the first one leaves."""
GROUP = 6
"""The most settings that are measured beside one V0."""
FEWEST_BLOCKS, MOST_BLOCKS = 5, 12
"""Blocks of the second measurement."""


class TimeLeft(NamedTuple):
    """What the second measurement of a task may take."""

    rounds: float
    """That fit into it."""

    @classmethod
    def after(cls, seconds: float, rounds: int) -> TimeLeft:
        """Return what the first measurement leaves, which had so many ``rounds`` of each task."""
        return cls((60 * MINUTES - seconds) * rounds / seconds)

    def blocks(self, cells: int) -> int:
        """Return how many blocks of so many cells to measure."""
        return max(FEWEST_BLOCKS, min(MOST_BLOCKS, int(self.rounds / cells)))

    @property
    def finalists(self) -> int:
        """How many settings fit in the fewest blocks, at least one.

        V0 and a variant of several of them run beside them.
        """
        return max(1, min(MOST, int(self.rounds / FEWEST_BLOCKS) - 2))


class KnobSession:
    """The sessions that measure single knobs, with the settings that can run here."""

    def __init__(
        self, given: Mapping[str, object], tasks: Sequence[str], only: Sequence[str]
    ) -> None:
        """Find out what can run; ``given`` are the session's options by flag.

        Raises UsageError for tasks and knobs that are not there, and if no knob can run, and
        UnavailableError if packages of a task are missing.
        """
        if not Path("bench").is_dir():
            raise UsageError(
                f"{COMMAND}: there is no folder bench in {Path.cwd()}; run it where the suite's "
                "experiment.md is"
            )
        suite = matrix.load(Path("experiment.md"), Path("variants"))
        trials, untried = knob_candidates.candidates(only, suite.baseline)
        self.origins = knob_candidates.origins_of_values(trials, suite.baseline)
        """How the numbers that are tried of a knob were found, where no table has them."""
        trials, foreign = _of_tasks(trials, list(suite.definitions.values()))
        trials, too_long = knob_candidates.affordable(trials, only)
        self._blocks = int(str(given.get(ROUNDS) or knob_candidates.BLOCKS))
        self._given = {**given, ROUNDS: self._blocks}
        texts = [trial.text for trial in trials]
        session = Session(
            {**self._given, KNOB: texts}.get, Path(), Path("experiment.md"), Path("variants")
        )
        self.tasks = _tasks(tasks, session)
        check_packages(session.matrix.definitions[task] for task in self.tasks)
        self.trials, cannot = _runnable(session, trials, self.tasks)
        self.untried = [*cannot, *too_long, *foreign, *untried]
        if not self.trials:
            first = self.untried[0]
            raise UsageError(f"{COMMAND}: no knob can run here: {first.knob}: {first.reason}")
        self._results = session.settings.results
        self._seed = session.settings.seed
        self.left = TimeLeft(0.0)

    @property
    def plan(self) -> str:
        """What will be measured, in a sentence."""
        count = f"{len(self.trials)} settings of single knobs on {', '.join(self.tasks)}"
        groups = f"{len(self._groups)} groups, each beside a V0 of its own"
        return f"{COMMAND}: {count}, in {groups}, {self._blocks} blocks"

    @property
    def _groups(self) -> list[list[KnobTrial]]:
        return divided(self.trials)

    def screen(self) -> list[AnalysedSession]:
        """Measure all settings, group by group; raises UsageError if nothing is measured.

        What shows only when a session warms up that it cannot run is moved to ``untried``, and so
        is a group whose session ends before its end. The others go on.
        """
        started = time.monotonic()
        measured: list[AnalysedSession] = []
        for number, group in enumerate(self._groups, start=1):
            names = ", ".join(trial.text for trial in group)
            _say(f"group {number} of {len(self._groups)}: {names}")
            try:
                sessions = measure_trials(COMMAND, self.tasks, group, self._given, self._results)
            except UnfinishedSession as error:
                if error.code in STOPPED:
                    raise
                reason = f"its group's session ended with {error.code}; the output above says why"
                self.untried += [Untried(knob=trial.text, reason=reason) for trial in group]
                continue
            kept, refused = _without_refused(sessions, group)
            measured += kept
            self.untried += refused
        if not measured:
            raise UsageError(f"{COMMAND}: no session ran to its end; the output above says why")
        rounds = self._blocks * (len(self.trials) + len(self._groups))
        self.left = TimeLeft.after(time.monotonic() - started, rounds)
        return measured

    def confirm(self, task: str, trials: Sequence[KnobTrial]) -> list[AnalysedSession]:
        """Measure a few settings again, on other seeds; raises UsageError like ``screen``."""
        blocks = self.left.blocks(len(trials) + 1)
        again = f"{len(trials)} settings that seem to pay, with V0 on {task}, {blocks} blocks"
        _say(again)
        given = {**self._given, ROUNDS: blocks, SEED: self._seed + self._blocks}
        return measure_trials(COMMAND, [task], trials, given, self._results)


def divided(trials: Sequence[KnobTrial]) -> list[list[KnobTrial]]:
    """Return ``trials`` in their order, in groups of at most ``GROUP`` that are about as large."""
    count = -(-len(trials) // GROUP)
    groups = []
    for number in range(count):
        begin, end = number * len(trials) // count, (number + 1) * len(trials) // count
        groups.append(list(trials[begin:end]))
    return groups


def _without_refused(
    sessions: Sequence[AnalysedSession], group: Sequence[KnobTrial]
) -> tuple[list[AnalysedSession], list[Untried]]:
    """Leave out cells of which no round ended; say why each did not run."""
    texts = {trial.name: trial.text for trial in group}
    kept, refused = [], []
    for session in sessions:
        cells = {}
        for name, measured in session.cells.items():
            record = measured.record
            if record.rounds or is_baseline(record.variant):
                cells[name] = measured
                continue
            text = texts.get(record.variant, record.variant)
            reason = f"on {record.task}: {record.error or 'its record does not say why'}"
            refused.append(Untried(knob=text, reason=reason))
        kept.append(replace(session, cells=cells))
    return kept, refused


def _say(text: str) -> None:
    print(f"{COMMAND}: {text}", file=sys.stderr, flush=True)  # noqa: T201  before what pytest prints


def _tasks(wanted: Sequence[str], session: Session) -> list[str]:
    known = list(session.matrix.definitions)
    for task in wanted:
        if task not in known:
            raise UsageError(f"{COMMAND}: there is no task {task!r}; there are {', '.join(known)}")
    return list(wanted) or known


def _runnable(
    session: Session, trials: Sequence[KnobTrial], tasks: Sequence[str]
) -> tuple[list[KnobTrial], list[Untried]]:
    """Divide ``trials`` into those that can run on one of the ``tasks`` or more, and the others."""
    problems: dict[object, list[str]] = {}
    for task in tasks:
        for cell in session.cells(task):
            if session.takes_part(cell):
                problems.setdefault(cell.options, []).append(_problem(session, cell))
    runnable, cannot = [], []
    for trial in trials:
        if "" in problems[trial.options]:
            runnable.append(trial)
        else:
            cannot.append(Untried(knob=trial.text, reason=problems[trial.options][0]))
    return runnable, cannot


def _of_tasks(
    trials: Sequence[KnobTrial], tasks: Sequence[Task]
) -> tuple[list[KnobTrial], list[Untried]]:
    """Divide ``trials`` into those that the suite's tasks have the knobs of, and the others."""
    kept, left_out = [], []
    for trial in trials:
        variant = Variant(name=trial.name, title="", options=trial.options, folder=Path())
        problems = foreign_knob_problems([variant], tasks)
        if problems:
            left_out.append(Untried(knob=trial.text, reason=problems[0]))
        else:
            kept.append(trial)
    return kept, left_out


def _problem(session: Session, cell: Cell) -> str:
    """Say why ``cell`` cannot run here, or cannot pay; empty if neither is known."""
    instruments, options = session.instruments, cell.options
    task, size = session.matrix.definitions[cell.task], session.inputs(cell.task).size
    reason = refusal(task, cell, size, instruments.device, instruments.gpus)
    if reason or not task.torch:
        return reason
    from greenbench.stages import precision

    device = instruments.ranks().rank.device
    for chosen in (options.training.precision, options.inference.precision):
        for doubt in precision.doubts(chosen, device):
            return doubt
    return ""
