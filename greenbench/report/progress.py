"""Shows what runs right now, so that no session is silent for long.

On a terminal that is one text behind pytest's own line, rewritten each time and every few seconds:
the phase, and as much as fits of how far the session is. In a log a line stands for what comes
before the first cell, and every minute for how far the session is; the phases of each cell do so
with ``--green-verbose`` only, since twenty cells have more than a hundred.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from greenbench.report.schedule import Schedule
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pytest import TerminalReporter  # noqa: PT013

SAVE, RESTORE, ERASE = "\x1b7", "\x1b8", "\x1b[K"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
LEAST = 10
"""Columns that a text needs to be worth showing."""
PERIOD_S = 60.0
"""Between two lines of a log that say how far the session is."""
REFRESH_S = 5.0
"""Between two times that a terminal shows it: a writing wakes a core for less than 1 ms."""


class Progress:
    """Shows texts while something is waited for."""

    def __init__(
        self,
        terminal: TerminalReporter | None,
        uncaptured: Callable[[], AbstractContextManager[None]],
        *,
        verbose: bool = False,
    ) -> None:
        """Show nothing yet; nothing at all without a terminal reporter (``-p no:terminal``).

        ``uncaptured`` lets what is written through pytest's capturing.
        """
        self._terminal = terminal
        self._uncaptured = uncaptured
        self._verbose = verbose
        with uncaptured():
            self._rewrites = terminal is not None and terminal.isatty
        self.schedule = Schedule()
        self._text = ""
        self._period_s = REFRESH_S if self._rewrites else PERIOD_S
        self._due = time.monotonic() + self._period_s
        self._writing = threading.RLock()  # a signal's handler may write in the middle of a text

    def say(self, text: str) -> None:
        """Show a phase of a cell; an empty text wipes the last one."""
        self._text = text
        self._show(text, in_logs=self._verbose)

    def announce(self, text: str) -> None:
        """Show a phase of the whole session, in a log too; an empty text wipes the last one."""
        self._show(text, in_logs=True)

    def state(self, text: str) -> None:
        """Write a line that stays, in a log and on a terminal."""
        if self._terminal is None:
            return
        with self._writing:
            if self._rewrites:
                self._rewrite(self._terminal, "")
            self._terminal.ensure_newline()
            self._write_line(self._terminal, text)

    @contextlib.contextmanager
    def repeated(self) -> Iterator[None]:
        """Show from time to time, however long a phase lasts, how far the session is."""
        if self._terminal is None:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._repeat, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _repeat(self, ended: threading.Event) -> None:
        while not ended.wait(max(0.0, self._due - time.monotonic())):
            self._due = time.monotonic() + self._period_s
            with self._writing:
                if self._rewrites:
                    self._show(self._text, in_logs=False)
                else:
                    self._show(_line(self._text, self.schedule.parts()), in_logs=True)

    def _show(self, text: str, *, in_logs: bool) -> None:
        if self._terminal is None:
            return
        with self._writing:
            if self._rewrites:
                self._rewrite(self._terminal, text)
            elif in_logs and text:
                self._write_line(self._terminal, text)

    def _rewrite(self, terminal: TerminalReporter, text: str) -> None:
        writer = terminal._tw  # noqa: SLF001  pytest's own line is on it
        room = writer.fullwidth - writer.width_of_current_line - 2
        with self._uncaptured():
            fitting = _fitting(text, self.schedule.parts(), room)
            shown = f" {DIM}{fitting}{PLAIN}" if text and room >= LEAST else ""
            writer._file.write(f"{SAVE}{ERASE}{shown}{RESTORE}")  # noqa: SLF001
            writer._file.flush()  # noqa: SLF001

    def _write_line(self, terminal: TerminalReporter, text: str) -> None:
        with self._uncaptured():
            terminal.write_line(f"greenbench: {printable(text)}")
            terminal.flush()


def _cropped(text: str, room: int) -> str:
    """Return what fits of ``CELL: PHASE``: both, else the phase, else its beginning."""
    text = printable(text)
    if len(text) > room:
        text = text.partition(": ")[2] or text
    return text[:room]


def _fitting(text: str, parts: Sequence[str], room: int) -> str:
    """Return the text, and the first parts that fit behind it."""
    fitting = _cropped(text, room)
    for part in parts:
        longer = f"{fitting} | {printable(part)}"
        if len(longer) > room:
            break
        fitting = longer
    return fitting


def _line(text: str, parts: Sequence[str]) -> str:
    """Return how far the session is, after the cell that runs, if one does."""
    cell, _, _ = text.partition(": ")
    so_far = "; ".join(parts)
    return f"{cell}: {so_far}" if cell and so_far else so_far
