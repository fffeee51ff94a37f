"""Shows what runs right now, so that no session is silent for long.

On a terminal that is one text behind pytest's own line, rewritten each time. In a log a line stands
for what comes before the first cell; the phases of each cell do so with ``--green-verbose`` only,
since twenty cells have more than a hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest import TerminalReporter  # noqa: PT013

SAVE, RESTORE, ERASE = "\x1b7", "\x1b8", "\x1b[K"
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
LEAST = 10
"""Columns that a text needs to be worth showing."""


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

    def say(self, text: str) -> None:
        """Show a phase of a cell; an empty text wipes the last one."""
        self._show(text, in_logs=self._verbose)

    def announce(self, text: str) -> None:
        """Show a phase of the whole session, in a log too; an empty text wipes the last one."""
        self._show(text, in_logs=True)

    def _show(self, text: str, *, in_logs: bool) -> None:
        if self._terminal is None:
            return
        if self._rewrites:
            self._rewrite(self._terminal, text)
        elif in_logs and text:
            self._write_line(self._terminal, text)

    def _rewrite(self, terminal: TerminalReporter, text: str) -> None:
        writer = terminal._tw  # noqa: SLF001  pytest's own line is on it
        room = writer.fullwidth - writer.width_of_current_line - 2
        with self._uncaptured():
            shown = f" {DIM}{_cropped(text, room)}{PLAIN}" if text and room >= LEAST else ""
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
