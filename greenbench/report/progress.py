"""A line that says what runs right now, on a terminal only; elsewhere nothing is printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Progress:
    """Writes one line over and over."""

    def __init__(self, free: Callable[[], AbstractContextManager[None]]) -> None:
        """``free`` lets what is written to standard output through pytest's capturing."""
        self._free = free
        with free():
            self._on = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """Replace the line by ``text``; an empty text wipes it."""
        if not self._on:
            return
        from rich.console import Console
        from rich.control import Control
        from rich.segment import ControlType

        with self._free():
            console = Console(highlight=False)
            console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
            console.print(text, end="", style="dim", overflow="crop", no_wrap=True)
            console.file.flush()
