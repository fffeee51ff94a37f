"""Which knobs interact: what two sets of them do together in a stage, over what each does alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.report.charts import forest, waterfall
from greenbench.report.charts.additivity import RATIO
from greenbench.report.charts.drawing import Sheet
from greenbench.report.charts.figure import bounds, slug
from greenbench.report.charts.forest import Effect
from greenbench.report.names import SHORT_STAGES
from greenbench.report.pairs import pair_name

if TYPE_CHECKING:
    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.pairs import PairEffect
    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.report_data import ReportData

MOST = 24
"""Pairs and stages that are drawn."""
CAPTION = (
    "What the stage before the colon takes with the knobs of the two stages behind it, over what "
    "each alone predicts, by a linear model of all cells; the grey band counts as no effect. 95 % "
    "intervals that hold for all pairs and stages at once"
)
COLUMNS = ("stage: knobs of", "observed / expected", "low", "high", "verdict")


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return a figure of each task whose pairs of knob sets can be told apart."""
    found = []
    for task in report.analyses:
        if task.pairs:
            found.append(_figure(task, width))
    return found


def _figure(task: TaskAnalysis, width: int) -> Figure:
    sheet = Sheet(slug("pairs", task.task), f"{task.task}: which knobs interact?", width)
    strongest = sorted(task.pairs, key=_strength, reverse=True)
    effects = []
    rows: list[EntryRow] = []
    for one in strongest[:MOST]:
        pair = pair_name(one, task.pairs)
        name = _short(f"{one.stage}: {pair}")
        effects.append(Effect(name=name, value=one.change, group=one.verdict))
        rows.append((name, *bounds(one.change), one.verdict))
    caption = CAPTION
    if len(strongest) > MOST:
        hidden = len(strongest) - MOST
        caption += f". {hidden} weaker effects are not drawn"
    design = waterfall.design(task)
    drawing = forest.drawing(effects, RATIO, design, width)
    drawings = {"total": sheet.drawn(drawing)}
    return sheet.figure(f"{caption}. {design}.", drawings, COLUMNS, rows)


def _short(name: str) -> str:
    """Return a name with its stages shortened, so that it fits beside a row."""
    for stage, short in SHORT_STAGES.items():
        name = name.replace(stage, short)
    return name


def _strength(one: PairEffect) -> float:
    return abs(math.log(one.change.value))
