"""The history of a search: every round that it measured, what was dropped, what was confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.charts import marks, sources
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.figure import slug
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes
from greenbench.report.cost import plural
from greenbench.results.reading import labelled_sources
from greenbench.search.answer import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.report_data import ReportData
    from greenbench.search.answer import SearchAnswer
    from greenbench.search.recorded import RecordedSearch

CONFIRMED, OPEN = "confirmed", "not confirmed"
HEIGHT = 220
CAPTION = (
    "Every round of the search for the setting of {} that takes least {} and keeps {}, as a "
    "multiple of V0's round in its block. Crosses are rounds of settings that were dropped (the "
    "score is not kept, they take more, or they are no evidence), rings those of others, filled "
    "circles those of the confirmation on test rows of settings that it confirms. Single rounds "
    "have no interval; the answer above has. {} in {}; joules: {}."
)
COLUMNS = ("evaluation", "phase", "setting", "times V0's", "state")


class SearchedRound(NamedTuple):
    """One round of a setting, in the order of the search."""

    number: int
    phase: str
    setting: str
    ratio: float
    state: str
    """``confirmed``, ``not confirmed``, or why the setting was dropped."""


def search_figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each search that has a journal in the folder."""
    found = []
    for search in report.searches:
        rounds = searched_rounds(search)
        if rounds:
            figure = _figure(search, rounds, width)
            found.append(figure)
    return found


def searched_rounds(search: RecordedSearch) -> list[SearchedRound]:
    """Return the rounds of a search whose values are known."""
    states = _states(answer(search.blocks, search.rules))
    rounds = []
    number = 0
    for block in search.blocks:
        baseline = block.baseline.value
        for point, reading in block.readings.items():
            number += 1
            if reading.value is None or not baseline:
                continue
            state = states.get(point, OPEN)
            if state == CONFIRMED and not block.plan.confirms:
                state = OPEN
            ratio = reading.value / baseline
            setting = search.settings[point]
            one = SearchedRound(number, block.plan.phase, setting, ratio, state)
            rounds.append(one)
    return rounds


def _states(found: SearchAnswer) -> dict[tuple[int, ...], str]:
    """Return what became of each setting, where anything did."""
    states = {}
    for one in found.standings:
        if one.out:
            states[one.point] = one.out
    for finding in found.findings:
        if finding.confirmed:
            states[finding.point] = CONFIRMED
    return states


def _figure(search: RecordedSearch, rounds: Sequence[SearchedRound], width: int) -> Figure:
    title = f"{search.task}: the search for less {search.measure}"
    sheet = Sheet(slug("search", search.name), title, width)
    evaluations = plural(rounds[-1].number, "evaluation")
    blocks = plural(len(search.blocks), "block")
    joules = " or ".join(dict.fromkeys(block.source for block in search.blocks))
    kind = sources.in_a_word(labelled_sources(joules))
    subtitle = f"{kind} joules, single rounds, {evaluations}"
    drawing = _drawing(rounds, search.measure, subtitle, width)
    drawings = {search.measure: sheet.drawn(drawing, search.measure)}
    caption = CAPTION.format(
        search.task, search.measure, search.quality, evaluations, blocks, joules or "none"
    )
    rows: list[EntryRow] = list(rounds)
    return sheet.figure(caption, drawings, COLUMNS, rows)


def _drawing(rounds: Sequence[SearchedRound], measure: str, subtitle: str, width: int) -> Drawing:
    confirmed: list[Row] = []
    open_ones: list[Row] = []
    dropped: list[Row] = []
    for one in rounds:
        row = {"x": one.number, "y": one.ratio}
        if one.state == CONFIRMED:
            confirmed.append(row)
        elif one.state == OPEN:
            open_ones.append(row)
        else:
            dropped.append(row)
    across = Span.of([one.number for one in rounds])
    up = Span.of([1.0, *(one.ratio for one in rounds)])
    title = f"times V0's {measure}"
    axes = Axes(marks.across("evaluation", across.scale), marks.up(title, up.scale), width)
    layers = [axes.level(1.0)]
    layers.append(axes.points(dropped, "bad", shape="cross"))
    layers.append(axes.points(open_ones, "variant", shape="circle", filled=False))
    layers.append(axes.points(confirmed, "good", shape="circle"))
    return Drawing(layers, HEIGHT, subtitle)
