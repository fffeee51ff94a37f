"""A program in a sandbox of its own: started, followed to its end, and cleared away."""

from __future__ import annotations

import os
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
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, backend: Backend, uid: int | None) -> None:
        """Kill what is left of it, wait until that is gone, and close the pipes."""
        self.seconds = self.exchange.seconds
        if not self.has_ended():
            end_tree(self.process, isolated=backend.isolates)
        if not backend.isolates:
            sweep(self.process.pid, uid, self.folder)
        self._pipes.close()


def end_tree(process: subprocess.Popen[bytes], *, isolated: bool) -> None:
    """Kill a sandbox and wait for it.

    With the first process of its namespace all others go; ``unshare`` and bubblewrap wait for that
    process, and so do we.
    """
    first_processes = children(process.pid) if isolated else []
    for pid in first_processes:
        kill(pid)
    if not first_processes:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
