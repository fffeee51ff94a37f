"""Ctrl-C while a round is measured: once ends the session after the round, twice ends it at once.

A round is minutes of energy, and one that is cut off is worth nothing. SIGTERM, which batch systems
send a few seconds before they kill, ends the session at once, with its files and its table.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTICE = "Ctrl-C: this round ends, then the session; Ctrl-C once more ends it at once"
REMEDY = "--green-resume continues the session (not with --green-until-sure)"
TERMINATED = f"SIGTERM: stopped within a round; {REMEDY}"
REASON = f"Ctrl-C: stopped after a whole round; {REMEDY}"


class StopRequest:
    """Whether a person has asked to stop."""

    def __init__(self) -> None:
        """Nobody has yet."""
        self.made = False

    @contextlib.contextmanager
    def deferred(self, show: Callable[[str], None]) -> Iterator[None]:
        """Let the first Ctrl-C ``show`` a notice and be noted; the second one is KeyboardInterrupt.

        Where something else than Python's own handler answers Ctrl-C, it goes on doing so.
        """
        usual = signal.default_int_handler
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not usual:
            yield
            return

        def note(_number: int, _frame: object) -> None:
            signal.signal(signal.SIGINT, usual)
            self.made = True
            show(NOTICE)

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)

    def heed(self) -> None:
        """Raise KeyboardInterrupt if a stop was requested: the next round must not begin."""
        if self.made:
            raise KeyboardInterrupt(REASON)


class Termination:
    """Lets SIGTERM end this process as Ctrl-C does, until ``restore``.

    Whatever else answers the signal goes on doing so. Further ones change nothing: ``timeout``
    sends two.
    """

    def __init__(self) -> None:
        """Answer the signal from now on."""
        self._process = os.getpid()
        self._made = False
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._end)

    def restore(self) -> None:
        """Let the signal end the process as it did before."""
        if signal.getsignal(signal.SIGTERM) == self._end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _end(self, number: int, _frame: object) -> None:
        if os.getpid() != self._process:  # a forked child, which its parent ends
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not self._made:
            self._made = True
            raise KeyboardInterrupt(TERMINATED)
