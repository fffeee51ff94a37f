"""Knobs one at a time: their ranking, and the curves of one that was given several values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.analysis.knob_ranking import COSTS, LOSES, OPEN, SAVES
from greenbench.report.charts import forest
from greenbench.report.charts.drawing import Sheet
from greenbench.report.charts.figure import bounds, slug
from greenbench.report.charts.forest import Effect, Ruler
from greenbench.report.charts.marks import Group
from greenbench.report.charts.power_sweeps import power_figures
from greenbench.report.charts.searches import search_figures
from greenbench.report.charts.sweeps import sweep_figures
from greenbench.report.cost import plural
from greenbench.report.knob_ranking import knob_name

if TYPE_CHECKING:
    from greenbench.analysis.knob_ranking import KnobRanking
    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.report_data import ReportData

MOST = 60
"""Knobs that are drawn."""
GROUPS = (
    Group(SAVES, "good", "circle"),
    Group(LOSES, "inference", "square"),
    Group(OPEN, "other", "triangle-up"),
    Group(COSTS, "bad", "diamond"),
)
RATIO = Ruler(title="joules / V0's", neutral=1.0, groups=GROUPS)
DIFFERENCE = Ruler(title="", neutral=0.0, groups=GROUPS, logarithmic=False)
CAPTION = (
    "Each knob alone beside V0, with 95 % intervals that hold for all knobs at once. A knob pays "
    "if it saves energy and keeps {} within {:g} of V0's."
)


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return the ranking of single knobs by task, curves of swept knobs and power, and searches."""
    found = []
    for ranking in report.rankings:
        if ranking.knobs:
            found.append(_ranking_figure(ranking, width))
    found += sweep_figures(report, width)
    found += power_figures(report, width)
    found += search_figures(report, width)
    return found


def _ranking_figure(ranking: KnobRanking, width: int) -> Figure:
    title = f"{ranking.task}: which knobs pay here"
    sheet = Sheet(slug("knobs", ranking.task), title, width)
    blocks = plural(ranking.blocks, "block")
    design = f"n = {blocks}; joules: {ranking.source}"
    drawings = {}
    for switch, effects, ruler in _switches(ranking):
        drawing = forest.drawing(effects, ruler, design, width)
        drawings[switch] = sheet.drawn(drawing, switch)
    text = CAPTION.format(ranking.score, ranking.keep)
    hidden = len(ranking.knobs) - MOST
    if hidden > 0:
        text += f" {plural(hidden, 'knob')}, the least useful ones, are left out."
    columns, rows = _table(ranking)
    return sheet.figure(f"{text} {design}.", drawings, columns, rows)


def _switches(ranking: KnobRanking) -> list[tuple[str, list[Effect], Ruler]]:
    """Return what is drawn of energy, and of the score, each on its own ruler."""
    energy, scores = [], []
    for knob in ranking.knobs[:MOST]:
        name = knob_name(knob, ranking)
        energy.append(Effect(name=name, value=knob.energy, group=knob.verdict))
        scores.append(Effect(name=name, value=knob.change, group=knob.verdict))
    title = f"{ranking.score} - V0's"
    band = (-ranking.keep, ranking.keep)
    of_score = replace(DIFFERENCE, title=title, band=band)
    return [("energy", energy, RATIO), (ranking.score, scores, of_score)]


def _table(ranking: KnobRanking) -> tuple[list[str], list[EntryRow]]:
    columns = ["knob"]
    for name in ("joules / V0's", f"{ranking.score} - V0's"):
        columns += [name, f"{name} low", f"{name} high"]
    rows: list[EntryRow] = []
    for knob in ranking.knobs[:MOST]:
        name = knob_name(knob, ranking)
        energy = bounds(knob.energy)
        change = bounds(knob.change)
        rows.append((name, *energy, *change, knob.verdict))
    return [*columns, "verdict"], rows
