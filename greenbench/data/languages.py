"""The translation prompt: the source, then a comment line that names the target language."""

from __future__ import annotations

LANGUAGES = {
    "java": "Java",
    "python": "Python",
    "cs": "C#",
    "c": "C",
    "cpp": "C++",
    "go": "Go",
    "javascript": "JavaScript",
}
"""Languages of ``--green-direction``, and their names in a prompt."""


def instruction(language: str) -> str:
    """Return the line that follows the source; ``language`` is a value of ``LANGUAGES``."""
    return f"\n// {language}:\n"


def prompt(source: str, language: str) -> str:
    """Return the text that the model continues with a translation."""
    return source.rstrip() + instruction(language)
