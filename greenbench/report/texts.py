"""Texts on a terminal: made safe to print, and wrapped."""

from __future__ import annotations

import textwrap
import unicodedata

CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that steer a terminal or reorder its text: escapes, bidi marks, surrogates."""


def printable(text: str) -> str:
    r"""Return ``text`` with every control character written as an escape, such as ``\x1b``."""
    if text.isprintable():
        return text
    characters = []
    for character in text:
        if unicodedata.category(character) in CONTROLS:
            character = character.encode("unicode_escape").decode("ascii")  # noqa: PLW2901
        characters.append(character)
    return "".join(characters)


def markdown(text: str) -> str:
    """Return ``text`` so that it breaks no table of Markdown and adds no link, code or HTML."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    for character in "\\`[|":
        escaped = escaped.replace(character, f"\\{character}")
    return escaped


def wrapped(text: str, width: int, bullet: str = "") -> list[str]:
    """Return the lines of ``text`` at most ``width`` wide, further ones indented as the bullet."""
    lines = textwrap.wrap(
        printable(text),
        width=max(20, width),
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_on_hyphens=False,
    )
    return lines or [bullet.rstrip()]


def listed(names: list[str], most: int = 3) -> str:
    """Return ``a, b and c``, or ``a, b and 4 more`` if there are more than ``most``."""
    if len(names) > most:
        shown = names[: most - 1]
        return f"{', '.join(shown)} and {len(names) - len(shown)} more"
    *front, last = names
    return f"{', '.join(front)} and {last}" if front else last
