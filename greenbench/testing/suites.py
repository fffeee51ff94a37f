"""Runs a suite as a person would, in a process of its own, and reads what it left."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.results import loading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.results.reading import CellRecord, RunRecord

FILE = "experiment.md"
OF_ANOTHER_SESSION = ("PYTEST_XDIST_", "PYTEST_CURRENT_TEST")
"""Beginnings of variables by which a session tells its workers and tests who they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """What a session of pytest said and left."""

    status: int
    """pytest's exit code: 0 passed, 1 a cell or a gate failed, 4 something is wrong, ..."""
    output: str
    errors: str
    records: tuple[RunRecord, ...] = ()
    """The results files that it wrote."""

    @property
    def cells(self) -> Mapping[str, CellRecord]:
        """Each cell by its id, ``digits-V0_baseline``."""
        found = {}
        for record in self.records:
            found.update({cell.id: cell for cell in record.cells})
        return found

    @property
    def verdicts(self) -> Mapping[str, Mapping[str, str]]:
        """By cell the outcome of each gate: ``PASS``, ``FAIL``, ``INCONCLUSIVE``, ..."""
        found: dict[str, Mapping[str, str]] = {}
        for record in self.records:
            found.update(record.header.verdicts)
        return found


def run_suite(
    folder: str | Path, *arguments: str, results: str = "results", timeout_s: float = 600
) -> SuiteRun:
    """Run ``pytest bench`` with ``arguments`` in the folder of ``experiment.md``.

    The session runs by this Python, in a process of its own that has ended when this returns.
    ``results`` is the folder for its results files, relative to ``folder``. Raises UsageError if
    there is no suite, and if the session takes longer than ``timeout_s`` seconds.
    """
    suite = Path(folder)
    if not (suite / FILE).is_file():
        raise UsageError(
            f"run_suite: found no {FILE} in {suite}; give the folder that greenbench init made"
        )
    before = set(loading.results_files(suite / results))
    command = [sys.executable, "-m", "pytest", "bench", f"--green-results={results}", *arguments]
    done = _finished(command, suite, timeout_s)
    written = [path for path in loading.results_files(suite / results) if path not in before]
    return SuiteRun(
        status=done.returncode,
        output=done.stdout,
        errors=done.stderr,
        records=tuple(map(loading.load, written)),
    )


def _finished(
    command: list[str], folder: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; one that does not end is killed with all that it started."""
    process = subprocess.Popen(  # noqa: S603  this Python, and what the caller types
        command,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"run_suite: pytest bench in {folder} took more than {timeout_s:g} s; give a larger "
            "timeout_s, or a smaller suite"
        ) from None
    finally:
        _end(process)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a session that still runs, with its workers."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.communicate()


def _environment() -> dict[str, str]:
    """Return this process's variables without those of a session of pytest that it is part of."""
    variables = {}
    for name, value in os.environ.items():
        if not name.startswith(OF_ANOTHER_SESSION):
            variables[name] = value
    return variables
