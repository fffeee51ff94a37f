"""The same test rows: how many a variant alone gets right, and how many V0 alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.charts import marks
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.figure import slug
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes, Group, row_key
from greenbench.report.cost import plural
from greenbench.report.paired import paired_outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import X

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.report_data import ReportData
    from greenbench.types import Facts

ROW = 22
"""Pixels of a row."""
MOST = 40
"""Cells that are drawn."""
ROOM = 0.25
"""Share of the longest bars that is left for a text on either side."""
COUNT_AXIS = {"labelExpr": "abs(datum.value)", "tickMinStep": 1, "format": "d"}
GAINED, LOST = "right here alone", "right in V0 alone"
BARS = (Group(LOST, "bad"), Group(GAINED, "good"))
COLUMNS = (
    "cell",
    f"{LOST} (rows)",
    f"{GAINED} (rows)",
    "McNemar p, first round",
    "rows",
    "rounds",
)
CAPTION = (
    "Of {}: those that only V0 gets right (left) and those that only the cell does (right), each "
    "row counted once a round. Rows that both or neither get right are not drawn. p is McNemar's, "
    "of the first round and one cell alone."
)


class DiscordantCounts(NamedTuple):
    """Rows that only one of a cell and V0 gets right, each counted once a round."""

    name: str
    gained: int
    lost: int
    p: float
    """Of McNemar's exact test, of the first round alone: further ones have the same rows."""
    rows: int
    """That both answered in a round."""
    rounds: int


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each task whose cells answered the rows that V0 answered."""
    found = []
    for comparison in report.comparisons:
        counts = _discordant(report, comparison)
        if counts:
            found.append(_figure(comparison.task, counts, width))
    return found


def _discordant(report: ReportData, comparison: TaskComparison) -> list[DiscordantCounts]:
    baseline = comparison.baseline
    if baseline is None:
        return []
    found = []
    for cell in comparison.cells:
        if cell.flaw is not None or cell.id == baseline.id:
            continue
        pairs = paired_outcomes(cell, baseline)
        counts = _counted(report.names.variant(cell.id), pairs)
        if counts is not None:
            found.append(counts)
    return found


def _counted(name: str, pairs: Sequence[tuple[Facts, Facts]]) -> DiscordantCounts | None:
    """Return the counts over all rounds; None without rounds, or where no answer is right."""
    from greenbench.stats.paired import mcnemar

    gained = lost = 0
    levels = []
    for ours, theirs in pairs:
        test = mcnemar(ours, theirs)
        if test is None:
            return None
        gained += test.only_one
        lost += test.only_other
        levels.append(test.p)
    if not levels:
        return None
    rows = int(pairs[0][0]["n"])
    return DiscordantCounts(name, gained, lost, levels[0], rows, len(pairs))


def _figure(task: str, counts: Sequence[DiscordantCounts], width: int) -> Figure:
    sheet = Sheet(slug("rows", task), f"{task}: the same test rows", width)
    chosen = _most_telling(counts)
    drawing = _drawing(chosen, width)
    caption = CAPTION.format(_design(counts))
    rows = [_row(one) for one in chosen]
    return sheet.figure(caption, {"rows": sheet.drawn(drawing)}, COLUMNS, rows)


def _most_telling(counts: Sequence[DiscordantCounts]) -> list[DiscordantCounts]:
    """Return at most ``MOST`` cells, in their order: those that gain and those that lose most."""
    by_balance = sorted(counts, key=_balance)
    half = MOST // 2
    kept = by_balance[:half] + by_balance[half:][-half:]
    return [one for one in counts if one in kept]


def _balance(one: DiscordantCounts) -> int:
    return one.lost - one.gained


def _row(one: DiscordantCounts) -> EntryRow:
    return one.name, one.lost, one.gained, one.p, one.rows, one.rounds


def _design(counts: Sequence[DiscordantCounts]) -> str:
    """Return ``100 test rows in 5 rounds``, by the cell with the most rounds."""
    most = max(counts, key=lambda one: one.rounds)
    return f"{most.rows} test rows in {plural(most.rounds, 'round')}"


def _drawing(counts: Sequence[DiscordantCounts], width: int) -> Drawing:
    bars: list[Row] = []
    lost: list[Row] = []
    gained: list[Row] = []
    for number, one in enumerate(counts):
        key = row_key(number, one.name)
        left, right = -one.lost, one.gained
        start = {"row": key, "x": 0}
        bars.append({**start, "end": left, "group": LOST})
        bars.append({**start, "end": right, "group": GAINED})
        lost.append({"row": key, "x": left, "text": str(one.lost)})
        gained.append({"row": key, "x": right, "text": str(right)})
    x = _across(counts)
    axes = Axes(x, marks.down(width), width)
    layers = [axes.bars(bars, BARS, height=14)]
    layers.append(axes.texts(lost, "right", -4))
    layers.append(axes.texts(gained, "left", 4))
    subtitle = f"of {_design(counts)}"
    return Drawing(layers, ROW * len(counts), subtitle)


def _across(counts: Sequence[DiscordantCounts]) -> X:
    """Return an axis with room for the texts on both sides."""
    lost = max(one.lost for one in counts)
    gained = max(one.gained for one in counts)
    room = max(1.0, ROOM * (lost + gained))
    span = Span(-lost - room, gained + room)
    return marks.across("test rows", span.scale, **COUNT_AXIS)
