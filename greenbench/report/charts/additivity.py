"""Whether savings add up: observed over expected, both in joules, and whose the saving is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.analysis.additivity import (
    IMPOSSIBLE,
    SCORE_TOLERANCE,
    SCORE_WORDS,
    TOLERANCE,
    WORDS,
)
from greenbench.analysis.simultaneous import ADDITIVE, CANNOT_TELL
from greenbench.analysis.tolerance import scale_of
from greenbench.report.additivity import TITLES
from greenbench.report.charts import forest, waterfall
from greenbench.report.charts.drawing import Sheet
from greenbench.report.charts.figure import bounds, slug
from greenbench.report.charts.forest import Effect, Ruler
from greenbench.report.charts.marks import Group
from greenbench.report.cost import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.additivity import Additivity, CombinedEffect
    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.names import ShortNames
    from greenbench.report.report_data import ReportData

LITTLE = (Group(ADDITIVE, "variant", "circle"), Group(CANNOT_TELL, "other", "triangle-up"))
GROUPS = (*LITTLE, Group(WORDS[1], "good", "square"), Group(WORDS[0], "bad", "diamond"))
SCORE_GROUPS = (
    *LITTLE,
    Group(SCORE_WORDS[0], "good", "square"),
    Group(SCORE_WORDS[1], "bad", "diamond"),
)
RATIO = Ruler(
    title="observed / expected",
    neutral=1.0,
    groups=GROUPS,
    band=(1 - TOLERANCE, 1 + TOLERANCE),
)
DIFFERENCE = Ruler(title="", neutral=0.0, groups=SCORE_GROUPS, logarithmic=False)
CAPTION = (
    "What each combination takes over what its parts predict together (for the score: minus). "
    "Right of the grey band it takes more than they predict, so that their savings overlap. 95 % "
    "intervals, which hold for all rows of a measure at once"
)
COLUMNS = ("combination", "measure", "observed / expected", "low", "high", "verdict")
MOST = 40
"""Combinations that are drawn."""


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return the figures of each task that has combinations and all of their parts."""
    found = []
    for task in report.analyses:
        if not task.refusal:
            found += _of_task(report, task, width)
    return found


def _of_task(report: ReportData, task: TaskAnalysis, width: int) -> list[Figure]:
    found = []
    known = [one for one in task.additivity if _effects(one, report.names)]
    if known:
        found.append(_forest(report, task, known, width))
    energy = task.energy
    if energy is not None and _expected(energy):
        found.append(waterfall.expected_figure(task, _expected(energy), report.names, width))
    for attribution in task.attributions:
        if attribution.measure == "energy":
            found.append(waterfall.shares_figure(task, attribution, report.names, width))
    return found


def _expected(energy: Additivity) -> list[CombinedEffect]:
    known = []
    for one in energy.combinations:
        if one.expected[0].value is not None:
            known.append(one)
    return known[:MOST]


# --- observed over expected -----------------------------------------------------------------------


def _forest(
    report: ReportData, task: TaskAnalysis, known: Sequence[Additivity], width: int
) -> Figure:
    title = f"{task.task}: do savings add up?"
    sheet = Sheet(slug("additivity", task.task), title, width)
    drawings = {}
    rows: list[EntryRow] = []
    for one in known:
        switch = TITLES.get(one.measure, one.measure)
        effects = _effects(one, report.names)
        blocks = plural(one.blocks, one.n_of)
        subtitle = f"n = {blocks}, {_source(one, task)}; grey: no effect"
        drawing = forest.drawing(effects, _ruler(one), subtitle, width)
        drawings[switch] = sheet.drawn(drawing, switch)
        rows += _rows(switch, effects)
    caption = CAPTION
    hidden = max(len(one.combinations) for one in known) - MOST
    if hidden > 0:
        caption += f". {plural(hidden, 'combination')} more are not drawn"
    caption += f". {waterfall.design(task)}."
    return sheet.figure(caption, drawings, COLUMNS, rows)


def _source(one: Additivity, task: TaskAnalysis) -> str:
    if one.unit == "J":
        return f"joules: {task.source}"
    return TITLES.get(one.measure, one.measure)


def _ruler(one: Additivity) -> Ruler:
    if one.unit:
        return RATIO
    margin = SCORE_TOLERANCE * scale_of(one.measure)
    title = f"{one.measure}, observed - expected"
    return replace(DIFFERENCE, title=title, band=(-margin, margin))


def _effects(one: Additivity, names: ShortNames) -> list[Effect]:
    effects = []
    for combination in one.combinations[:MOST]:
        expected = combination.expected[0]
        if expected.change is not None and expected.verdict != IMPOSSIBLE:
            name = names.variant(combination.cell)
            effects.append(Effect(name=name, value=expected.change, group=expected.verdict))
    return effects


def _rows(switch: str, effects: Sequence[Effect]) -> list[EntryRow]:
    rows: list[EntryRow] = []
    for effect in effects:
        numbers = bounds(effect.value)
        rows.append((effect.name, switch, *numbers, effect.group))
    return rows
