"""What a session reports about device settings: shown now, and kept for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Messages:
    """Sentences for the reader, each kept once."""

    def __init__(self) -> None:
        """Begin without any; nothing is shown until ``show`` is set."""
        self.kept: dict[str, None] = {}
        self.show: Callable[[str], None] = lambda _text: None
        """Shows a line while something is waited for."""

    def say(self, text: str) -> None:
        """Keep ``text`` for the end, and show it now."""
        self.kept[text] = None
        self.show(text)
