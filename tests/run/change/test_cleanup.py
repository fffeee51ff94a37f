"""However a job ends, its worktree, its folder and its session of pytest are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.run.change.conftest import git

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
import subprocess, sys, threading, time
from pathlib import Path
from greenbench.run.change.cleanup import Workspace, signals_end_the_job

project = Path(sys.argv[1])
with signals_end_the_job(), Workspace(project) as workspace:
    tree = workspace.folder / "base"
    subprocess.run(["git", "-C", project, "worktree", "add", "-q", "--detach", tree], check=True)
    log = workspace.folder / "log"
    command = [sys.executable, "-c", "import os; print(os.getpid(), flush=True); " + sys.argv[2]]
    run = threading.Thread(target=lambda: workspace.run(command, folder=tree, log=log), daemon=True)
    run.start()
    while not log.exists() or not log.read_text().endswith("\\n"):
        time.sleep(0.01)
    print(log.read_text(), end="", flush=True)
    if sys.argv[3] == "wait":
        for _ in range(6000):
            time.sleep(0.05)  # a signal that comes just before a long sleep is seen after it
    if sys.argv[3] == "raise":
        raise RuntimeError
"""
"""A job whose session of pytest is another program."""
SLEEPS = "import time; time.sleep(600)"
IGNORES = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let jobs make their temporary files in a folder of the test."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    return temporary


def start(project: Path, ending: str, session: str = SLEEPS) -> tuple[subprocess.Popen, int]:
    """Start a job; return it once its session runs, with the session's id."""
    command = [sys.executable, "-c", JOB, str(project), session, ending]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert job.stdout is not None
    return job, int(job.stdout.readline())


def is_gone(pid: int) -> bool:
    """Whether a process has ended; nobody may be there to collect its exit status."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def nothing_is_left(project: Path, folder: Path, session: int) -> bool:
    """Whether worktree, folder and session are gone."""
    trees = git(project, "worktree", "list").splitlines()
    return len(trees) == 1 and not list(folder.iterdir()) and is_gone(session)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_job_after_everything_is_removed(
    project: Path, folder: Path, number: signal.Signals
) -> None:
    """The exit code is the signal's, as a shell has it."""
    job, session = start(project, "wait")
    job.send_signal(number)
    assert job.wait() == 128 + number
    assert nothing_is_left(project, folder, session)


def test_a_killed_job_leaves_nothing(project: Path, folder: Path) -> None:
    """The process that cleans up outlives it."""
    job, session = start(project, "wait")
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    deadline = time.monotonic() + 60
    while not nothing_is_left(project, folder, session) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert nothing_is_left(project, folder, session)


@pytest.mark.parametrize(("ending", "status"), [("end", 0), ("raise", 1)])
def test_a_job_that_ends_by_itself_leaves_nothing(
    project: Path, folder: Path, ending: str, status: int
) -> None:
    """At its normal end, and by an exception."""
    job, session = start(project, ending)
    assert job.wait() == status
    assert nothing_is_left(project, folder, session)


@pytest.mark.slow
def test_a_session_that_ignores_signals_is_killed(project: Path, folder: Path) -> None:
    """After it had time to restore device settings."""
    job, session = start(project, "wait", IGNORES)
    time.sleep(1)
    job.send_signal(signal.SIGTERM)
    job.wait()
    assert nothing_is_left(project, folder, session)
