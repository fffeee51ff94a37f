"""Measures every knob alone beside V0, in one session of pytest: ``greenbench knobs --measure``."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.analysis.sessions import read_sessions
from greenbench.errors import UsageError
from greenbench.experiment import knob_candidates
from greenbench.experiment.knob_candidates import Untried
from greenbench.experiment.settings import OPTIONS
from greenbench.results.files import RESULTS_FILES
from greenbench.run.refusals import refusal
from greenbench.run.session import Session
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.sessions import AnalysedSession
    from greenbench.experiment.knob_trials import KnobTrial
    from greenbench.types import Cell

COMMAND = "greenbench knobs"
KNOB = "--green-knob"
ROUNDS = "--green-rounds"
FIXED = (
    *("--green-gate=none", "--green-interleave=blocks"),
    *("--green-factorial=off", "--green-until-sure=off"),
)
ENDED = (0, 1)
"""Exit codes of a session that ran to its end: all passed, or a cell failed."""
STDERR = 2
"""Where the session's own output goes: the answer alone is this command's."""


class KnobSession:
    """A session of all candidates that can run here."""

    def __init__(
        self, given: Mapping[str, object], tasks: Sequence[str], only: Sequence[str]
    ) -> None:
        """Find out what can run; ``given`` are the session's options by flag.

        Raises UsageError for tasks and knobs that are not there, and if no knob can run.
        """
        if not Path("bench").is_dir():
            raise UsageError(
                f"{COMMAND}: there is no folder bench in {Path.cwd()}; run it where the suite's "
                "experiment.md is"
            )
        trials, untried = knob_candidates.candidates(only)
        self._given = {**given, ROUNDS: given.get(ROUNDS) or knob_candidates.BLOCKS}
        texts = [trial.text for trial in trials]
        session = Session(
            {**self._given, KNOB: texts}.get, Path(), Path("experiment.md"), Path("variants")
        )
        self.tasks = _tasks(tasks, session)
        self.trials, cannot = _runnable(session, trials, self.tasks)
        self.untried = [*cannot, *untried]
        if not self.trials:
            raise UsageError(
                f"{COMMAND}: no knob can run here: {self.untried[0].knob}: {self.untried[0].reason}"
            )
        self._results = session.settings.results

    @property
    def plan(self) -> str:
        """What will be measured, in a sentence."""
        count = f"{len(self.trials)} settings of single knobs beside V0"
        return f"{COMMAND}: {count} on {', '.join(self.tasks)}, {self._given[ROUNDS]} blocks"

    def measure(self) -> list[AnalysedSession]:
        """Run the session and return what it measured; raises UsageError if that is nothing."""
        before = set(self._results.glob(RESULTS_FILES))
        # Ctrl-C reaches pytest too, which ends by itself; a handler is not inherited, SIG_IGN is.
        previous = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            done = subprocess.run(self._command(), check=False, stdout=STDERR)  # noqa: S603  ours
        finally:
            signal.signal(signal.SIGINT, previous)
        files = sorted(set(self._results.glob(RESULTS_FILES)) - before)
        if done.returncode not in ENDED or not files:
            raise UsageError(
                f"{COMMAND}: pytest ended with {done.returncode}, and nothing is ranked; its "
                f"output above says why, and {self._results} has what was measured"
            )
        return read_sessions(files)

    def _command(self) -> list[str]:
        keyword = " or ".join(f"[{task}-" for task in self.tasks)
        command = [sys.executable, "-m", "pytest", "bench", "-q", "-k", keyword, *FIXED]
        for option in OPTIONS:
            value = self._given.get(option.flag)
            if value is None or value is False:
                continue
            if value is True:
                command.append(option.flag)
                continue
            entries = value if isinstance(value, list) else [value]
            command += [f"{option.flag}={entry}" for entry in entries]
        command += [f"{KNOB}={trial.text}" for trial in self.trials]
        return command


def _tasks(wanted: Sequence[str], session: Session) -> list[str]:
    known = [row.name for row in session.matrix.tasks if row.name in TASKS]
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


def _problem(session: Session, cell: Cell) -> str:
    """Say why ``cell`` cannot run here, or cannot pay; empty if neither is known."""
    from greenbench.stages import precision

    instruments, options = session.instruments, cell.options
    size = session.inputs(cell.task).size
    reason = refusal(cell, size, instruments.device, instruments.gpus)
    if reason:
        return reason
    device = instruments.ranks().rank.device
    for chosen in (options.training.precision, options.inference.precision):
        for doubt in precision.doubts(chosen, device):
            return doubt
    return ""
