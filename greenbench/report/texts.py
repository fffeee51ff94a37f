"""Texts of others, made safe for where they are shown, and wrapped.

Names of columns and files, messages about them, and what results files hold come from anywhere.
Whatever shows one passes it through a function of this module: ``printable`` for a terminal, a log
or a JUnit file, ``error_text`` for an error, ``plain`` for rich, ``markdown`` for Markdown. JSON
escapes what it holds itself.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements

if TYPE_CHECKING:
    from rich.text import Text

CONTROLS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that steer a terminal or reorder its text: escapes, bidi marks, surrogates."""


EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])|~")
"""Characters of Markdown that may begin or end emphasis; an underscore within a word does not."""
WORD = re.compile(r"([^\s|`]+)")
REFERENCE = re.compile(
    r"[@#!%&~^]\w|\$\S|\bGH-\d|://|\bwww\.|(?<!:):[\w+-]+:(?!:)", re.ASCII | re.IGNORECASE
)
"""In a word: what GitHub or GitLab turn into people, issues, changes, labels, formulas, links or
emoji. A node id, ``test_a.py::test_step``, is none of these."""
LONGEST = 3000
"""Characters of a line of an error: room for the names of a hundred cells."""
FURTHER_LINE = re.compile(r"\n(?=    )")


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


def error_text(error: Exception) -> str:
    """Return the sentences of an error, each in a line of its own, not endless, safe to print.

    A sentence has further lines only if they are indented, as one that points at a character has:
    a line end in a name cannot forge another message.
    """
    sentences = error.problems if isinstance(error, Disagreements) else (str(error),)
    lines = []
    for sentence in sentences:
        lines += FURTHER_LINE.split(sentence)
    return "\n".join(_shortened(printable(line)) for line in lines)


def _shortened(line: str) -> str:
    """Return ``line`` without the middle of a very long one: a wrong value may be a megabyte.

    What a sentence is about stands at its beginning, and what to do at its end.
    """
    if len(line) <= LONGEST:
        return line
    return f"{line[: LONGEST // 2]} [...] {line[-LONGEST // 2 :]}"


def plain(text: str, style: str = "") -> Text:
    """Return ``text`` for rich to print: safe, without markup or emoji of its own."""
    from rich.text import Text

    return Text(printable(text), style=style)


def markdown(text: str) -> str:
    """Return ``text`` for Markdown: it breaks no table, and adds no link, mention, style or HTML.

    A word that a code host would link, or by which it would notify somebody, becomes code: escapes
    do not help, as hosts look for such words in what the Markdown shows.
    """
    shown = printable(text)
    signs = "\\`[|"
    if shown.count("*") > 1:  # a single one, as in 1.05*saved, begins no emphasis
        signs += "*"
    pieces = []
    for piece in WORD.split(shown):
        pieces.append(f"`{piece}`" if REFERENCE.search(piece) else _escaped(piece, signs))
    return "".join(pieces)


def _escaped(text: str, signs: str) -> str:
    """Return ``text`` with a backslash before each of ``signs``, and without HTML and emphasis."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    for sign in signs:
        escaped = escaped.replace(sign, f"\\{sign}")
    return EMPHASIS.sub(r"\\\g<0>", escaped)


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
