"""Texts of other users' processes and files, for messages on anybody's terminal."""

from __future__ import annotations

LONGEST = 200
"""Characters of a command line or a file's name that a message shows."""


def legible(text: str) -> str:
    """Return ``text`` shortened, with ``?`` for each character that could steer a terminal."""
    characters = [character if character.isprintable() else "?" for character in text[:LONGEST]]
    return "".join(characters)
