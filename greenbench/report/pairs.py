"""Which knobs interact, for people: a sentence that counts, and a table of those that do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.analysis.simultaneous import ADDITIVE, CANNOT_TELL
from greenbench.report.additivity import AnalysisTable, ratio, verdict_column
from greenbench.report.layout import Column
from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.pairs import PairEffect, StageKnobs


def sentences(task: TaskAnalysis) -> list[str]:
    """Say which pairs of knob sets interact, and how many do not or cannot be told."""
    if not task.pairs:
        return []
    interacting = _interacting(task.pairs)
    additive = sum(one.verdict == ADDITIVE for one in task.pairs)
    unknown = sum(one.verdict == CANNOT_TELL for one in task.pairs)
    text = "No two stages' knobs are shown to interact"
    if interacting:
        texts = []
        for one in interacting:
            texts.append(f"{pair_name(one, task.pairs)} in {one.stage} ({ratio(one.change)})")
        text = f"Knobs interact: {listed(texts, most=4)}"
    tested = len(task.pairs)
    text += f"; of {tested} pairs and stages {additive} are additive within 5 %, and {unknown} "
    return [f"{text}cannot be told."]


def tables(task: TaskAnalysis) -> list[AnalysisTable]:
    """Return the table of pairs that interact; none if no pair does."""
    interacting = _interacting(task.pairs)
    if not interacting:
        return []
    pairs, stages, ratios, verdicts = [], [], [], []
    for one in interacting:
        pairs.append(pair_name(one, task.pairs))
        stages.append(one.stage)
        ratios.append(ratio(one.change))
        verdicts.append(one.verdict)
    columns = [
        Column(heading="knobs of", texts=pairs),
        Column(heading="in the stage", texts=stages),
        Column(heading="observed / expected", texts=ratios),
        verdict_column(verdicts),
    ]
    title = "pairs of knob sets that interact, by a linear model of all cells (95 %, for all pairs "
    title += "and stages at once)"
    return [AnalysisTable(title, columns)]


def _interacting(pairs: Sequence[PairEffect]) -> list[PairEffect]:
    return [one for one in pairs if one.verdict not in {ADDITIVE, CANNOT_TELL}]


def pair_name(one: PairEffect, pairs: Sequence[PairEffect]) -> str:
    """Name the two sets of knobs of a pair, by their stages where these tell them apart."""
    known = {knobs for pair in pairs for knobs in (pair.first, pair.second)}
    return f"{_name(one.first, known)} with {_name(one.second, known)}"


def _name(knobs: StageKnobs, known: set[StageKnobs]) -> str:
    """Return the stage, with its knobs if several sets of them are there."""
    if sum(other.stage == knobs.stage for other in known) == 1:
        return knobs.stage
    values = []
    for knob, value in knobs.knobs:
        values.append(f"{knob.partition('.')[2]}={value}")
    return f"{knobs.stage} ({', '.join(values)})"
