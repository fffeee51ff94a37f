"""Rounds over time: a line a block, from V0's joules to the variant's in the same block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.gates.changes import Change
from greenbench.report.charts import marks, sources
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.figure import slug
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes, row_key
from greenbench.report.cost import plural
from greenbench.report.counted import counted_cells, leaves_out_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import LayerChart

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord
    from greenbench.types import Round

WARM_UP = "The hollow point is of the first block, which is no part of the mean"
MOST_CELLS, MOST_ROUNDS = 24, 12
"""Cells and rounds of a cell that are drawn."""
LINE = 8
"""Pixels between the lines of two blocks."""
LEAST_ROW = 26
AXIS = "joules / V0's in the same block"
LEGEND = "a line a block, over V0's in it; diamond: mean with its 95 % interval"
CAPTION = (
    "A line for each block, the first one at the top: from V0's joules (1) to the cell's in the "
    "same block. Lines of one length say that the ratio held all the time. The diamond is the mean "
    "with its 95 % interval"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCell:
    """A cell's joules over V0's, block by block in the order of time, and on average."""

    name: str
    ratios: tuple[float, ...]
    """Of the first blocks, ``MOST_ROUNDS`` at most."""
    change: Change
    leaves_out_first: bool = False

    def counts(self, block: int) -> bool:
        """Whether a block is in the mean: the first one is not, if it was warm-up."""
        return block > 0 or not self.leaves_out_first


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each task that has rounds beside V0's."""
    found = []
    for comparison in report.comparisons:
        cells = _paired_cells(report, comparison)
        if cells:
            found.append(_figure(comparison, cells, width))
    return found


def _paired_cells(report: ReportData, comparison: TaskComparison) -> list[PairedCell]:
    baseline = comparison.baseline
    if baseline is None:
        return []
    found = []
    leaves_out = leaves_out_first(comparison)
    for cell in comparison.cells:
        change = comparison.energy.get(cell.id)
        ratios = _ratios(cell, baseline)
        if isinstance(change, Change) and len(ratios) > 1:
            name = report.names.variant(cell.id)
            paired = PairedCell(
                name=name, ratios=ratios, change=change, leaves_out_first=leaves_out
            )
            found.append(paired)
    return found


def _ratios(cell: CellRecord, baseline: CellRecord) -> tuple[float, ...]:
    """Return the ratio of each pair of rounds whose joules are both known, oldest first."""
    if not cell.same_sources(baseline):
        return ()
    pairs = cell.paired_rounds(baseline)
    pairs.sort(key=_time)
    ratios = []
    for ours, theirs in pairs:
        joules = ours.whole.energy.total_j
        base = theirs.whole.energy.total_j
        if joules and base:
            ratios.append(joules / base)
    return tuple(ratios[:MOST_ROUNDS])


def _time(pair: tuple[Round, Round]) -> tuple[int, int]:
    one_round, _ = pair
    if one_round.position is None:
        return -1, one_round.seed
    return one_round.position, one_round.seed


def _figure(comparison: TaskComparison, cells: Sequence[PairedCell], width: int) -> Figure:
    title = f"{comparison.task}: rounds over time"
    sheet = Sheet(slug("rounds", comparison.task), title, width)
    least = sorted(cells, key=lambda cell: cell.change.value)[:MOST_CELLS]
    chosen = [cell for cell in cells if cell in least]  # in the order of the other charts
    caption = CAPTION
    if len(cells) > MOST_CELLS:
        hidden = plural(len(cells) - MOST_CELLS, "cell")
        caption += f". {hidden} of higher ratios are left out"
    counting = counted_cells(comparison)
    subtitle = sources.subtitle(counting)
    drawing = _drawing(chosen, f"{subtitle}; {LEGEND}", width)
    columns, rows = _table(chosen)
    without_first = sources.left_out(comparison)
    if without_first:
        caption += f". {WARM_UP}"
    caption += f". {sources.design(counting)}{without_first}."
    return sheet.figure(caption, {"total": sheet.drawn(drawing)}, columns, rows)


def _drawing(cells: Sequence[PairedCell], subtitle: str, width: int) -> Drawing:
    blocks = max(len(cell.ratios) for cell in cells)
    height = max(LEAST_ROW, LINE * (blocks + 2))
    spanned = [1.0]
    for cell in cells:
        change = cell.change
        spanned += [*cell.ratios, change.low, change.high]
    scale = Span.of(spanned, logarithmic=True).scale
    x = marks.across(AXIS, scale)
    axes = Axes(x, marks.down(width), width)
    layers = [axes.plumb(1.0)]
    for block in range(blocks):
        shift = LINE * (block + 1) - height / 2
        layers += _block(cells, block, axes, shift)
    layers += _means(cells, axes, height / 2 - LINE)
    return Drawing(layers, height * len(cells), subtitle)


def _block(cells: Sequence[PairedCell], block: int, axes: Axes, shift: float) -> list[LayerChart]:
    """Return the lines of a block, which lie at the same height of every row."""
    layers = []
    for counts, colour, filled in ((True, "variant", True), (False, "muted", False)):
        lines: list[Row] = []
        ends: list[Row] = []
        for number, cell in enumerate(cells):
            if block < len(cell.ratios) and cell.counts(block) == counts:
                key = row_key(number, cell.name)
                ratio = cell.ratios[block]
                lines.append({"row": key, "x": 1.0, "end": ratio})
                ends.append({"row": key, "x": ratio})
        if lines:
            layers.append(axes.spans(lines, colour, strokeWidth=1.5, yOffset=shift))
            layers.append(axes.points(ends, colour, size=18, yOffset=shift, filled=filled))
    return layers


def _means(cells: Sequence[PairedCell], axes: Axes, shift: float) -> list[LayerChart]:
    whiskers: list[Row] = []
    means: list[Row] = []
    for number, cell in enumerate(cells):
        key = row_key(number, cell.name)
        change = cell.change
        whiskers.append({"row": key, "x": change.low, "end": change.high})
        means.append({"row": key, "x": change.value})
    rules = axes.spans(whiskers, "ink", strokeWidth=1.5, yOffset=shift)
    points = axes.points(means, "baseline", shape="diamond", size=60, yOffset=shift)
    return [rules, points]


def _table(cells: Sequence[PairedCell]) -> tuple[list[str], list[EntryRow]]:
    most = max(len(cell.ratios) for cell in cells)
    columns = ["cell", "joules / V0's", "low", "high"]
    for block in range(most):
        out = "" if cells[0].counts(block) else " (left out)"
        columns.append(f"joules / V0's, block {block + 1}{out}")
    rows: list[EntryRow] = []
    for cell in cells:
        change = cell.change
        mean = (change.value, change.low, change.high)
        unknown = [None] * (most - len(cell.ratios))
        rows.append((cell.name, *mean, *cell.ratios, *unknown))
    return columns, rows
