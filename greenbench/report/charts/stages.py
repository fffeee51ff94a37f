"""Where the joules went: the stages of each cell on one scale from 0.

Stages whose joules were taken over, or come from repeats, are hatched, and so is what no counter
could tell apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.analysis.measures import MACHINE, UNITS
from greenbench.options import STAGES
from greenbench.report.charts import marks, sources, stage_shares
from greenbench.report.charts.drawing import DOTS, GRATING, LINES, Drawing, Sheet
from greenbench.report.charts.figure import slug
from greenbench.report.charts.labels import from_zero
from greenbench.report.charts.marks import LETTER, NARROW, Axes, Group, label_limit, row_key
from greenbench.report.charts.palette import PALETTE
from greenbench.report.charts.stage_shares import OUTSIDE, UNRESOLVED, stacked_cell
from greenbench.report.cost import plural
from greenbench.report.counted import counted_cells
from greenbench.report.numbers import unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from altair import Scale

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.charts.stage_shares import StackedCell, StageShare
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.names import ShortNames
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord

SWITCHES = {"total": "energy", "GPU": "energy_gpu", "machine": MACHINE, "time": "time"}
MOST = 40
"""Cells that are drawn."""
ROW = 22
"""Pixels of a row."""
BAR = {"height": 16, "stroke": PALETTE["paper"], "strokeWidth": 1}
HATCHED_BAR = {"height": 16, "stroke": PALETTE["ink"], "strokeWidth": 0.8}
AXES = {
    "total": "J a round",
    "GPU": "J a round, GPU alone",
    "machine": "J a round, the machine as a whole",
    "time": "s a round",
}
MEANINGS = {
    LINES: "lines: taken over from a training that was measured before (reused)",
    DOTS: "dots: too short for the counter, so repeated after the round",
    GRATING: "crossed lines: stages that no counter resolved",
}
CAPTION = (
    "Each bar is the mean round of a cell, its stages in the order in which they ran. The "
    "intervals are those of the totals, in the matrix"
)
PARTS = (*[Group(part, part) for part in (*STAGES, OUTSIDE)], Group(UNRESOLVED, OUTSIDE))
"""The parts of a bar in their order."""

COLUMNS = (
    "cell",
    "measure",
    "unit",
    "total",
    *[part.name for part in PARTS],
    "not measured in the round itself",
)


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each task that has a cell whose joules or seconds are known."""
    found = []
    for comparison in report.comparisons:
        known = counted_cells(comparison)
        cells = [cell for cell in known if cell.rounds and not cell.failed]
        by_switch = _by_switch(cells)
        if by_switch:
            found.append(_figure(report, comparison, by_switch, cells, width))
    return found


def _by_switch(cells: Sequence[CellRecord]) -> dict[str, list[StackedCell]]:
    found = {}
    for switch, measure in SWITCHES.items():
        stacked = []
        for cell in cells:
            one = stacked_cell(cell, measure)
            if one is not None and not _repeats_total(cell, switch):
                stacked.append(one)
        if stacked:
            found[switch] = stacked
    return found


def _repeats_total(cell: CellRecord, switch: str) -> bool:
    """Whether the GPU is the only channel, and so the total."""
    return switch == "GPU" and tuple(cell.sources) == ("gpu",)


# --- what is drawn --------------------------------------------------------------------------------


def _figure(
    report: ReportData,
    comparison: TaskComparison,
    by_switch: Mapping[str, Sequence[StackedCell]],
    cells: Sequence[CellRecord],
    width: int,
) -> Figure:
    task = comparison.task
    sheet = Sheet(slug("stages", task), f"{task}: where the joules went", width)
    drawings = {}
    for switch, stacked in by_switch.items():
        drawing = _drawing(stacked, report.names, switch, cells, width)
        drawings[switch] = sheet.drawn(drawing, switch)
    rows: list[EntryRow] = []
    for switch, stacked in by_switch.items():
        rows += _rows(switch, stacked, report.names)
    caption = f"{_caption(cells, by_switch)}{sources.left_out(comparison)}."
    return sheet.figure(caption, drawings, COLUMNS, rows)


def _drawing(
    stacked: Sequence[StackedCell],
    names: ShortNames,
    switch: str,
    cells: Sequence[CellRecord],
    width: int,
) -> Drawing:
    chosen = most_telling(stacked)
    symbol = UNITS[SWITCHES[switch]]
    segments: list[Row] = []
    ends: list[Row] = []
    for number, one in enumerate(chosen):
        key = row_key(number, names.variant(one.cell))
        text = _total(one, symbol, width)
        segments += _segments(one, key)
        ends.append({"row": key, "x": one.total, "text": text})
    scale = _scale(chosen, ends, names, width)
    x = marks.across(AXES[switch], scale)
    axes = Axes(x, marks.down(width), width)
    layers = [axes.bars(segments, PARTS, **BAR)]
    for hatch in MEANINGS:
        hatched = [row for row in segments if row["hatch"] == hatch]
        if hatched:
            layers.append(axes.hatched_bars(hatched, hatch, **HATCHED_BAR))
    layers.append(axes.texts(ends, "left", 5))
    subtitle = _subtitle(switch, cells, segments)
    return Drawing(layers, ROW * len(chosen), subtitle)


def _scale(
    chosen: Sequence[StackedCell], ends: Sequence[Row], names: ShortNames, width: int
) -> Scale:
    """Return a scale from 0 that leaves room for the texts at the ends of the longest bars."""
    letters = [len(names.variant(one.cell)) for one in chosen]
    label = min(max(letters) * LETTER, label_limit(width))
    inner = width - label - 20
    ending = [len(str(end["text"])) for end in ends]
    text = max(ending) * LETTER + 8
    longest = max(one.total for one in chosen)
    return from_zero(longest * inner / (inner - text))


def _total(one: StackedCell, symbol: str, width: int) -> str:
    """Return the text at the end of a bar: the total, and which stages were not measured in it."""
    text = unit(one.total, symbol)
    notes = _notes(one)
    if not notes:
        return text
    if width < NARROW:
        return f"{text} *"
    listed = ", ".join(notes)
    return f"{text}, {listed}"


def _notes(one: StackedCell) -> list[str]:
    """Return which stages were not measured in the round itself."""
    notes = []
    for share in one.shares:
        if share.state:
            notes.append(f"{share.stage} {share.state}")
        elif share.stage == UNRESOLVED:
            notes.append(UNRESOLVED)
    return notes


def most_telling(stacked: Sequence[StackedCell]) -> list[StackedCell]:
    """Return at most ``MOST`` cells in their order: V0, and the others that take least."""
    by_total = sorted(stacked, key=lambda one: (not one.is_baseline, one.total))
    kept = {one.cell for one in by_total[:MOST]}
    return [one for one in stacked if one.cell in kept]


def _segments(one: StackedCell, key: str) -> list[Row]:
    """Return the parts of a bar: where each begins and ends, and its hatch."""
    rows: list[Row] = []
    begin = 0.0
    for share in one.shares:
        end = begin + share.amount
        row = {"row": key, "x": begin, "end": end, "group": share.stage}
        rows.append({**row, "hatch": _hatch(share)})
        begin = end
    return rows


def _hatch(share: StageShare) -> str:
    if share.stage == UNRESOLVED:
        return GRATING
    return {stage_shares.REUSED: LINES, stage_shares.REPEATED: DOTS}.get(share.state, "")


# --- in words and numbers -------------------------------------------------------------------------


def _subtitle(switch: str, cells: Sequence[CellRecord], segments: Sequence[Row]) -> str:
    text = sources.subtitle(cells)
    if switch == "machine":
        text = sources.machine_subtitle(cells)
    elif switch == "time":
        text = f"seconds, {sources.rounds(cells)}"
    hatches = {row["hatch"] for row in segments}
    for hatch, meaning in MEANINGS.items():
        if hatch in hatches:
            text += f"; {meaning}"
    return text


def _caption(cells: Sequence[CellRecord], by_switch: Mapping[str, Sequence[StackedCell]]) -> str:
    text = CAPTION
    most = max(map(len, by_switch.values()))
    if most > MOST:
        hidden = plural(most - MOST, "cell")
        text += f". {hidden} more, which take more than those drawn, are left out"
    return f"{text}. {sources.design(cells)}"


def _rows(switch: str, stacked: Sequence[StackedCell], names: ShortNames) -> list[EntryRow]:
    """Return a row of each cell, with a column for each stage."""
    symbol = UNITS[SWITCHES[switch]]
    rows: list[EntryRow] = []
    for one in most_telling(stacked):
        amounts = {share.stage: share.amount for share in one.shares}
        known = [amounts.get(part.name) for part in PARTS]
        name = names.variant(one.cell)
        noted = ", ".join(_notes(one))
        rows.append((name, switch, symbol, one.total, *known, noted))
    return rows
