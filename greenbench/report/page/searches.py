"""Searches on the page: the answer of each, as the command gave it, and what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates.expression import parse
from greenbench.report import search as words
from greenbench.report.search import SearchTexts
from greenbench.search.answer import with_payback

if TYPE_CHECKING:
    from greenbench.report.report_data import ReportData
    from greenbench.search.recorded import RecordedSearch

NAME = "V99_found"
"""Of the variant to make: the page knows no number that is free where it is read."""


class SearchView(NamedTuple):
    """A search, in words."""

    sentence: str
    """What it recommends, or that nothing is confirmed."""
    rest: str
    """What only seemed better, and what the search took."""
    command: str
    """Makes a variant of what is confirmed; empty if nothing is."""


def searches(data: ReportData) -> tuple[SearchView, ...]:
    """Return the searches whose journals are in a folder."""
    return tuple(_view(search) for search in data.searches if search.blocks)


def _view(search: RecordedSearch) -> SearchView:
    found = with_payback(search.blocks, search.rules, of_joules=search.measure == "energy")
    texts = SearchTexts(search.task, parse(search.quality), search.measure, search)
    sentence, *rest = words.sentences(texts, found)
    return SearchView(sentence, " ".join(rest), words.to_paste(texts, found, NAME))
