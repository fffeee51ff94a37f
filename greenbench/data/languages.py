"""How a translation is asked for: the source, then a comment line that names the language of what follows."""

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
"""Languages of ``--green-direction``, and how a prompt names them."""


def instruction(language: str) -> str:
    """Return what stands behind the source; ``language`` as people write it."""
    return f"\n// {language}:\n"


def prompt(source: str, language: str) -> str:
    """Return what the model reads before it writes."""
    return source.rstrip() + instruction(language)
