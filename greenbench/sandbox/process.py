"""A program in a sandbox of its own: started, followed to its end, and cleared away."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import IO, TYPE_CHECKING, cast

from greenbench.sandbox.command import STARTED, environment
from greenbench.sandbox.pipes import Exchange, Pipes
from greenbench.sandbox.processes import children, kill, sweep

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.sandbox.pipes import Reason
    from greenbench.sandbox.records import Backend, Limits

_WRAPPERS_SECONDS = 1.0
"""For wrappers to notice that the program they wait for has gone."""
_KILLED_SECONDS = 10.0
"""For the kernel to take away what was killed."""
_DOES_NOT_END = "sandbox: process {} was killed and has not ended after {:.0f} s"


class RunningProcess:
    """A started program; the output of its ``exchange`` begins with STARTED."""

    def __init__(
        self, command: list[str], folder: Path, home: str, stdin: str, limits: Limits
    ) -> None:
        """Start ``command`` in ``folder``, in a session of its own.

        ``home`` is the program's folder in its own view.
        """
        self.folder = folder
        self.seconds = 0.0
        """Wall-clock seconds of the program, once it is stopped."""
        self.process = subprocess.Popen(  # noqa: S603 - untrusted on purpose
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=folder,
            env=environment(home),
            start_new_session=True,
        )
        self._pipes = Pipes(
            stdin=cast("IO[bytes]", self.process.stdin),
            stdout=cast("IO[bytes]", self.process.stdout),
            stderr=cast("IO[bytes]", self.process.stderr),
        )
        self.exchange = Exchange(self._pipes, stdin, limits, banner=STARTED)

    def follow(self) -> Reason:
        """Feed and read it until it has ended, or has exceeded its wall clock or its output."""
        return self.exchange.follow(self)

    def has_ended(self) -> bool:
        """Whether the outermost wrapper has ended, and the program with it."""
        return self.process.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Wait for one that has closed its output, or is just ending."""
        return _ends(self.process, seconds)

    def stop(self, backend: Backend, uid: int | None) -> None:
        """Kill what is left of it, wait until that is gone, and close the pipes."""
        self.seconds = self.exchange.seconds
        if not self.has_ended():
            end_tree(self.process, isolated=backend.isolates)
        if not backend.isolates:
            sweep(self.process.pid, uid, self.folder)
        self._pipes.close()


def end_tree(process: subprocess.Popen[bytes], *, isolated: bool) -> None:
    """Kill a sandbox and wait for it, for a limited time; raises RuntimeError if it does not end.

    With the first process of its namespace all others go. Its wrappers wait for that process and
    end by themselves, unless somebody has stopped them: then they are killed as well.
    """
    first_processes = children(process.pid) if isolated else []
    for pid in first_processes:
        _kill_and_wait(pid)
    if not first_processes or not _ends(process, _WRAPPERS_SECONDS):
        os.killpg(process.pid, signal.SIGKILL)
    if not _ends(process, _KILLED_SECONDS):
        raise RuntimeError(_DOES_NOT_END.format(process.pid, _KILLED_SECONDS))


def _kill_and_wait(pid: int) -> None:
    """Kill a process that is not our child, and wait for it; a first process ends after all."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        kill(pid)
        ready, _, _ = select.select([end], [], [], _KILLED_SECONDS)
    finally:
        os.close(end)
    if not ready:
        raise RuntimeError(_DOES_NOT_END.format(pid, _KILLED_SECONDS))


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a child, at most so long; returns whether it has ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
