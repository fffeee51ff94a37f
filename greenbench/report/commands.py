"""Commands to paste, which measure cells again beside V0.

Texts of others get into one only as values of options that their session had, quoted for a shell.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from greenbench.report.names import CELL_ID
from greenbench.results.reading import BASELINE

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_KEYWORDS = 8
"""Variants that a command names; for more it selects the whole task."""
KEYWORD = re.compile(r"[\w.]+", re.ASCII)
"""What may stand in an expression of ``-k`` as it is."""
REPEATED = frozenset(
    f"--green-{name}"
    for name in (
        *("matrix", "profile", "data", "columns", "split", "balance", "prevalence", "size"),
        *("direction", "model", "device", "gpus", "cpu-watts"),
    )
)
"""Options without which the same cells would not be what they were."""


def options_of(command: str) -> str:
    """Return the options of a session's command line that another one has to repeat.

    They begin with a blank; empty if there is none, or if the line cannot be read.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    chosen = []
    for place, word in enumerate(words):
        flag, sign, value = word.partition("=")
        if flag not in REPEATED:
            continue
        if not sign:
            value = words[place + 1] if place + 1 < len(words) else ""
        if not value.isprintable():
            return ""
        quoted = shlex.quote(value)
        chosen.append(f" {flag} {quoted}")
    return "".join(chosen)


def measuring(task: str, cell_ids: Iterable[str], options: str, extent: str) -> str:
    """Return the command that measures cells beside V0; empty if their names are no keywords.

    ``extent`` is the option that says how many rounds.
    """
    keywords = [f"{BASELINE}_"]
    for cell_id in cell_ids:
        keyword = _keyword(cell_id)
        if keyword is None:
            return ""
        keywords.append(keyword)
    if KEYWORD.fullmatch(task) is None:
        return ""
    alternatives = list(dict.fromkeys(keywords))
    expression = task
    if len(alternatives) <= MOST_KEYWORDS:
        joined = " or ".join(alternatives)
        expression = f"{task} and ({joined})"
    return f'pytest bench -k "{expression}"{options} {extent}'


def _keyword(cell_id: str) -> str | None:
    """Return ``V7_``, or ``(V1_ and b16)`` for a swept value; None for another kind of name.

    A value that is no keyword is left out: then all values of the variant are measured. Cells of
    ``--green-factorial`` and ``--green-knob`` need more than a name to be measured.
    """
    match = CELL_ID.fullmatch(cell_id)
    if match is None or not match["variant"].startswith("V"):
        return None
    number = match["variant"].partition("_")[0]
    words: list[str] = [f"{number}_", *match["suffix"].split("-")[1:]]
    if any(KEYWORD.fullmatch(word) is None for word in words):
        return words[0]
    joined = " and ".join(words)
    return joined if len(words) == 1 else f"({joined})"
