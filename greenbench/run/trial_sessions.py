"""Measures settings of knobs beside V0 in a session of pytest, a process of its own."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

from greenbench.analysis.sessions import read_sessions
from greenbench.errors import UsageError
from greenbench.experiment.settings import OPTIONS
from greenbench.results.files import RESULTS_FILES
from greenbench.run.session_results import SESSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.analysis.sessions import AnalysedSession
    from greenbench.experiment.knob_trials import KnobTrial

KNOB = "--green-knob"
FIXED = (
    *("--green-gate=none", "--green-interleave=blocks"),
    *("--green-factorial=off", "--green-until-sure=off"),
)
ENDED = (0, 1)
"""Exit codes of a session that ran to its end: all passed, or a cell failed."""
STOPPED = (2, 4, 5)
"""Exit codes of a session that no other one would do better than: interrupted, wrong options,
nothing to run."""
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
STDERR = 2
"""Where the session's own output goes: the answer alone is the command's that starts it."""


class UnfinishedSession(UsageError):
    """A session of pytest that did not run to its end."""

    def __init__(self, who: str, code: int, results: Path) -> None:
        """Say so; ``code`` is its exit code."""
        super().__init__(
            f"{who}: pytest ended with {code}, and nothing is concluded from it; its output above "
            f"says why, and {results} has what was measured"
        )
        self.code = code


def _end_with_parent() -> None:
    """Ask the kernel to end this process, as Ctrl-C would, once its parent is gone."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def measure_trials(
    who: str,
    tasks: Sequence[str],
    trials: Sequence[KnobTrial],
    given: Mapping[str, object],
    results: Path,
) -> list[AnalysedSession]:
    """Measure ``trials`` beside V0 on ``tasks``, V0 alone without any; return the session that did.

    ``given`` are the session's options by flag, and ``results`` the folder of its files, to which
    other sessions may write meanwhile. Raises UnfinishedSession, whose text begins with ``who``, if
    pytest did not run to its end.
    """
    before = set(results.glob(RESULTS_FILES))
    session = uuid.uuid4().hex
    environment = {**os.environ, SESSION: session}
    command = _command(tasks, trials, given)
    # Ctrl-C reaches pytest too, which ends by itself; a handler is not inherited, SIG_IGN is.
    previous = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        done = subprocess.run(  # noqa: S603  ours; libc is loaded before the fork
            command, check=False, stdout=STDERR, env=environment, preexec_fn=_end_with_parent
        )
    finally:
        signal.signal(signal.SIGINT, previous)
    new = sorted(set(results.glob(RESULTS_FILES)) - before)
    files = [path for path in new if _is_of(path, session)]
    if done.returncode not in ENDED or not files:
        raise UnfinishedSession(who, done.returncode, results)
    return read_sessions(files)


def _is_of(path: Path, session: str) -> bool:
    """Whether a file is of a session; it is empty for a moment where others begin theirs."""
    text = path.read_text()
    return bool(text) and json.loads(text)["session"]["id"] == session


def _command(
    tasks: Sequence[str], trials: Sequence[KnobTrial], given: Mapping[str, object]
) -> list[str]:
    """Return the command that measures ``trials`` beside V0."""
    variant = "" if trials else "V0"
    keyword = " or ".join(f"[{task}-{variant}" for task in tasks)
    command = [sys.executable, "-m", "pytest", "bench", "-q", "-k", keyword, *FIXED]
    for option in OPTIONS:
        value = given.get(option.flag)
        if value is None or value is False:
            continue
        if value is True:
            command.append(option.flag)
            continue
        entries = value if isinstance(value, list) else [value]
        command += [f"{option.flag}={entry}" for entry in entries]
    return command + [f"{KNOB}={trial.text}" for trial in trials]
