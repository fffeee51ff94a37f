"""Removes what a job leaves behind, however the job ends.

    python cleanup.py REPOSITORY FOLDER

The process runs in a session of its own, so that no signal to the terminal reaches it, and reads
from a pipe whose other end the job alone holds: at the job's end, ``kill -9`` included, the pipe
ends. Then it ends the session of pytest that the job named last, and removes the git worktrees in
FOLDER and FOLDER itself. It runs as a script and needs the standard library alone, so that a base
without this module changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType, TracebackType

GRACE_S = 10.0
"""How long a session of pytest may take to end before it is killed."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOBODY = 0
SIGNALLED = 128
"""Added to a signal's number in the exit code of a process that a signal ended."""


class Workspace:
    """A folder for temporary files and worktrees; a context that removes it however it ends."""

    def __init__(self, repository: Path) -> None:
        """Make nothing yet; worktrees are ``repository``'s."""
        self._repository = repository
        self._cleaner: subprocess.Popen[str] | None = None
        self.folder = Path()

    def __enter__(self) -> Self:
        """Make the folder, and start the process that removes it."""
        self.folder = Path(tempfile.mkdtemp(prefix="greenbench-ci-")).resolve()
        command = [sys.executable, "-I", __file__, str(self._repository), str(self.folder)]
        try:
            self._cleaner = subprocess.Popen(  # noqa: S603  this file
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                cwd="/",
            )
        except OSError:
            self.folder.rmdir()
            raise
        if self._cleaner.stdout is not None:
            self._cleaner.stdout.readline()  # it ignores signals from now on
        return self

    def run(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Run a command whose output goes into a file; return its exit code.

        It leads a process group of its own, which ends with the job.
        """
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  the user's own tests and tools
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._tell(process.pid)
        status = process.wait()
        self._tell(NOBODY)
        return status

    def _tell(self, pid: int) -> None:
        stdin = self._cleaner.stdin if self._cleaner is not None else None
        if stdin is not None:
            stdin.write(f"{pid}\n")
            stdin.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Have everything removed, and wait for it."""
        if self._cleaner is not None:
            self._cleaner.communicate()


@contextlib.contextmanager
def signals_end_the_job() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP end this process by SystemExit, so that contexts are left."""

    def leave(number: int, _frame: FrameType | None) -> None:
        for ending in ENDING_SIGNALS:  # a second one does not interrupt the cleaning up
            signal.signal(ending, signal.SIG_IGN)
        raise SystemExit(SIGNALLED + number)

    before = {number: signal.signal(number, leave) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(repository: str, folder: str) -> None:
    """Wait for the job's end, and clean up after it."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201  the job waits for it
    pid = NOBODY
    for line in sys.stdin:
        pid = int(line)
    if pid != NOBODY:
        _end(pid)
    git = ["git", "-C", repository, "worktree"]
    for tree in Path(folder).glob("*/.git"):
        _run([*git, "remove", "--force", str(tree.parent)])
    shutil.rmtree(folder, ignore_errors=True)  # whatever is left shows in the folder of the system
    _run([*git, "prune"])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603  git, with our arguments


def _end(leader: int) -> None:
    """End a process group: politely at first, so that device settings are restored."""
    try:
        watched = os.pidfd_open(leader)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader, number)
            select.select([watched], [], [], GRACE_S)
    finally:
        os.close(watched)


if __name__ == "__main__":
    main(*sys.argv[1:])
