"""A program in a sandbox of its own: started, followed to its end, and cleared away."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING, cast

from greenbench.sandbox.command import STARTED, environment
from greenbench.sandbox.pipes import Exchange, Pipes
from greenbench.sandbox.processes import children, kill, sweep

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from greenbench.sandbox.pipes import Outcome
    from greenbench.sandbox.records import Limits, Way


class RunningProcess:
    """A started program; ``exchange.out`` begins with STARTED, and ``seconds`` are known once it is stopped."""

    def __init__(
        self, command: list[str], folder: Path, home: str, stdin: str, limits: Limits
    ) -> None:
        """Start ``command`` in ``folder``, in a session of its own; the program's home is ``home``, in its own view."""
        self.folder, self.seconds = folder, 0.0
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

    def follow(self) -> Outcome:
        """Feed and read it until it is over, or has exceeded its wall clock or its output."""
        return self.exchange.follow(self)

    def has_ended(self) -> bool:
        """Whether the outermost wrapper has ended, and the program with it."""
        return self.process.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Wait for one that has closed its output, or has just ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, way: Way, uid: int | None) -> None:
        """Kill what is left of it, wait until that is gone, and close the pipes."""
        self.seconds = self.exchange.seconds
        if not self.has_ended():
            end_tree(self.process, isolated=way.walls)
        if not way.walls:
            sweep(self.process.pid, uid, self.folder)
        self._pipes.close()


def end_tree(process: subprocess.Popen[bytes], *, isolated: bool) -> None:
    """Kill a sandbox and wait for it: the namespace's first process, with which all others go, if there is one.

    ``unshare`` and bubblewrap wait for that process, and so do we.
    """
    first = children(process.pid) if isolated else []
    for pid in first:
        kill(pid)
    if not first:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
