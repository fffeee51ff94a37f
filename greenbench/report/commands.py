"""Commands to paste, which measure cells again beside V0. No foreign text gets into one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.report.names import CELL_ID
from greenbench.results.reading import BASELINE

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_KEYWORDS = 8
"""Variants that a command names; for more it selects the whole task."""
KEYWORD = re.compile(r"[\w.]+", re.ASCII)
"""What may stand in an expression of ``-k`` as it is."""


def options_of(profile: str | None) -> str:
    """Return the option that repeats a session's profile; empty for the default one."""
    if profile in {None, "tiny"} or KEYWORD.fullmatch(str(profile)) is None:
        return ""
    return f" --green-profile {profile}"


def measuring(task: str, cell_ids: Iterable[str], options: str, extent: str) -> str:
    """Return the command that measures cells beside V0; empty if their names are no keywords."""
    keywords = [f"{BASELINE}_"]
    for cell_id in cell_ids:
        keyword = _keyword(cell_id)
        if keyword is None:
            return ""
        keywords.append(keyword)
    if KEYWORD.fullmatch(task) is None:
        return ""
    expression = task
    if len(keywords) <= MOST_KEYWORDS:
        alternatives = " or ".join(dict.fromkeys(keywords))
        expression = f"{task} and ({alternatives})"
    return f'pytest bench -k "{expression}"{options} {extent}'


def _keyword(cell_id: str) -> str | None:
    """Return ``V7_``, or ``(V1_ and b16)`` for a swept value; None for another kind of name.

    Cells of ``--green-factorial`` and ``--green-knob`` need more than a name to be measured.
    """
    match = CELL_ID.fullmatch(cell_id)
    if match is None or not match["variant"].startswith("V"):
        return None
    number = match["variant"].partition("_")[0]
    words = [f"{number}_", *match["suffix"].split("-")[1:]]
    if any(KEYWORD.fullmatch(word) is None for word in words):
        return None
    return words[0] if len(words) == 1 else f"({' and '.join(words)})"
