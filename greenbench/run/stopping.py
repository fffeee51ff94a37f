"""Ctrl-C while a round is measured: once ends the session after the round, twice ends it at once.

A round is minutes of energy, and one that is cut off is worth nothing.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTICE = "Ctrl-C: this round ends, then the session; Ctrl-C once more ends it at once"
REASON = "Ctrl-C: stopped after a whole round; --green-resume continues the session"


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
