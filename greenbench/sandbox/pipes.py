"""A program's three pipes: feeding its stdin and reading what it writes, within its limits."""

from __future__ import annotations

import os
import selectors
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from greenbench.sandbox.records import Limits

Reason = Literal["ended", "timeout", "output"]
"""Why a program is no longer followed: it has ended, or has exceeded a limit."""

_TICK_SECONDS = 0.05
_CHUNK = 1 << 16
_WRAPPERS_SECONDS = 20.0
"""For wrappers to isolate a program, also on a busy machine; the program's own clock starts then.
"""


class Ending(Protocol):
    """Knows whether a program has ended."""

    def has_ended(self) -> bool:
        """Whether the program has ended by now."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most so long; returns whether the program has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipes:
    """Our ends of the three pipes of a program."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def close(self) -> None:
        """Close all three; what was not written is lost."""
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()


class Exchange:
    """What a program is fed and what it has written so far: ``out`` and ``err``."""

    def __init__(self, pipes: Pipes, stdin: str, limits: Limits, *, banner: bytes = b"") -> None:
        """Start the program's clock.

        ``banner`` is what the program's wrappers write first; the clock starts anew then.
        """
        self.out, self.err = bytearray(), bytearray()
        self._pipes, self._limits, self._banner = pipes, limits, banner
        self._unsent = stdin.encode("utf-8", "surrogatepass")
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the program was started."""
        return time.monotonic() - self._started

    def follow(self, ending: Ending) -> Reason:
        """Feed and read the program until it has ended, or has exceeded a limit."""
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while _is_any_read(selector):
                if self._seconds_left() <= 0:
                    return "timeout"
                # Checked before the pipes are read: what an ended program wrote last is there then.
                has_ended = ending.has_ended()
                patience = 0 if has_ended else min(self._seconds_left(), _TICK_SECONDS)
                ready = selector.select(patience)
                for key, _ in ready:
                    self._serve(selector, key)
                if self._exceeds_output():
                    return "output"
                if has_ended and not ready:  # a process that outlived the program holds the pipes
                    break
        return "ended" if ending.wait(max(0.0, self._seconds_left())) else "timeout"

    def _register(self, selector: selectors.BaseSelector) -> None:
        os.set_blocking(self._pipes.stdin.fileno(), False)
        selector.register(self._pipes.stdin, selectors.EVENT_WRITE)
        selector.register(self._pipes.stdout, selectors.EVENT_READ, self.out)
        selector.register(self._pipes.stderr, selectors.EVENT_READ, self.err)

    def _serve(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if key.data is None:
            self._feed(selector, key)
            return
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
            return
        if self._banner and key.data is self.out and not self.out:
            self._started = time.monotonic()  # the wrappers have just written that they are done
        key.data.extend(chunk)

    def _feed(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        try:
            written = os.write(key.fd, self._unsent[:_CHUNK])
            self._unsent = self._unsent[written:]
        except BrokenPipeError:  # a program need not read to the end
            self._unsent = b""
        if not self._unsent:
            selector.unregister(key.fileobj)
            self._pipes.stdin.close()

    def _exceeds_output(self) -> bool:
        most = self._limits.output_bytes
        return len(self.out) > most + len(self._banner) or len(self.err) > most

    def _seconds_left(self) -> float:
        limit = self._limits.wall_seconds
        if self._banner and not self.out:
            limit = max(limit, _WRAPPERS_SECONDS)
        return self._started + limit - time.monotonic()


def _is_any_read(selector: selectors.BaseSelector) -> bool:
    """Whether a pipe that the program writes to is still open."""
    return any(key.events & selectors.EVENT_READ for key in selector.get_map().values())
