"""The dictionary of the tidy table, as docs/results.md has it: made from the columns themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.export.columns import GROUPS, OTHER_SCORES, SCORES
from greenbench.export.table import types
from greenbench.results.descriptions import descriptions

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = ("| column | type | meaning |", "|---|---|---|")
NAMES = {"string": "text", "int64": "whole number", "double": "number", "bool": "true or false"}
OTHERS = "Scores of the round that have no column of their own, as a JSON object; null without any."


def dictionary() -> str:
    """Return the dictionary as Markdown tables, one for each group of columns."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    kinds = types()
    for group in GROUPS:
        yield f"### {_first_sentence(group)}"
        yield ""
        yield from HEADER
        for name, meaning in descriptions(group).items():
            yield f"| `{name}` | {NAMES[kinds[name]]} | {meaning} |"
        yield ""
    yield "### Scores of the round"
    yield ""
    yield "The same in all rows of a round: take one row a round before averaging them."
    yield ""
    yield from HEADER
    names = ", ".join(f"`score_{score}`" for score in SCORES)
    yield f"| {names} | number | The score; null if the task does not have it. |"
    yield f"| `{OTHER_SCORES}` | text | {OTHERS} |"


def _first_sentence(group: type) -> str:
    """Return the heading of a group: the first sentence of its docstring."""
    text = " ".join((group.__doc__ or "").split())
    return text.partition(". ")[0].rstrip(".")
