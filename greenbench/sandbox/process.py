"""A started program: what it is fed, what it says, and its end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any, Literal

from greenbench.sandbox.command import PATH, STARTED
from greenbench.sandbox.processes import children, kill, sweep

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.sandbox.records import Limits, Way

Outcome = Literal["over", "timeout", "output"]

_TICK_SECONDS = 0.05
_CHUNK = 1 << 16


class Talk:
    """A started program, what it has said so far (``out`` begins with STARTED) and its ``seconds`` once stopped."""

    def __init__(
        self, command: list[str], folder: Path, home: str, stdin: str, limits: Limits
    ) -> None:
        """Start ``command`` in ``folder``, in a session of its own; the program's home is ``home``, in its own view."""
        self.folder, self.limits, self.seconds = folder, limits, 0.0
        self.out, self.err, self._left = (
            bytearray(),
            bytearray(),
            stdin.encode("utf-8", "surrogatepass"),
        )
        places = {"PATH": PATH, "HOME": home, "TMPDIR": home}
        environment = {**places, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(  # noqa: S603 - untrusted on purpose
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        self._started = time.monotonic()

    @property
    def late(self) -> bool:
        """Whether it may have used up its processor time."""
        return self.seconds >= self.limits.cpu_seconds

    def follow(self) -> Outcome:
        """Feed and read it until it is over, or has passed its wall clock or its output."""
        with selectors.DefaultSelector() as pipes:
            self._register(pipes)
            while any(key.events & selectors.EVENT_READ for key in pipes.get_map().values()):
                if self._seconds_left() <= 0:
                    return "timeout"
                over = (
                    self.process.poll() is not None
                )  # asked before looking: what it said last is then there to be read
                ready = pipes.select(0 if over else min(self._seconds_left(), _TICK_SECONDS))
                for key, _ in ready:
                    self._serve(pipes, key)
                if self._said_too_much():
                    return "output"
                if over and not ready:  # something that outlived it holds the pipes
                    break
        return self._last_outcome()

    def stop(self, way: Way, uid: int | None) -> None:
        """Kill what is left of it, wait until that is gone, and close the pipes."""
        self.seconds = time.monotonic() - self._started
        if self.process.poll() is None:
            self._kill(children(self.process.pid) if way.walls else [])
            self.process.wait()
        if not way.walls:
            sweep(self.process.pid, uid, self.folder)
        for pipe in self._pipes():
            pipe.close()

    def _kill(self, first: list[int]) -> None:
        """Kill the namespace's first process, with which all others go; unshare waits for that, and so do we."""
        for pid in first:
            kill(pid)
        if not first:
            os.killpg(self.process.pid, signal.SIGKILL)

    def _pipes(self) -> list[Any]:
        return [self.process.stdin, self.process.stdout, self.process.stderr]

    def _register(self, pipes: selectors.BaseSelector) -> None:
        into, out, err = self._pipes()
        os.set_blocking(into.fileno(), False)
        pipes.register(into, selectors.EVENT_WRITE)
        pipes.register(out, selectors.EVENT_READ, self.out)
        pipes.register(err, selectors.EVENT_READ, self.err)

    def _serve(self, pipes: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if key.data is None:
            self._feed(pipes, key)
        elif chunk := os.read(key.fd, _CHUNK):
            if key.data is self.out and not self.out:
                self._started = time.monotonic()  # the wrappers have just said that they are done
            key.data.extend(chunk)
        else:
            pipes.unregister(key.fileobj)

    def _feed(self, pipes: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        try:
            self._left = self._left[os.write(key.fd, self._left[:_CHUNK]) :]
        except BrokenPipeError:  # it does not read to the end, which is its right
            self._left = b""
        if not self._left:
            pipes.unregister(key.fileobj)
            self._pipes()[0].close()

    def _said_too_much(self) -> bool:
        most = self.limits.output_bytes
        return len(self.out) > most + len(STARTED) or len(self.err) > most

    def _seconds_left(self) -> float:
        return self._started + self.limits.wall_seconds - time.monotonic()

    def _last_outcome(self) -> Outcome:
        """Wait for one that has shut its output, or has just ended."""
        try:
            self.process.wait(max(0.0, self._seconds_left()))
        except subprocess.TimeoutExpired:
            return "timeout"
        return "over"
