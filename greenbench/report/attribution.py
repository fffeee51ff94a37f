"""Whose saving it is, for people: a sentence and a table for each combination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report import numbers
from greenbench.report.additivity import TITLES, AnalysisTable, difference
from greenbench.report.layout import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.attribution import Attribution, PartShare
    from greenbench.report.names import ShortNames


def sentences(task: TaskAnalysis, names: ShortNames) -> list[str]:
    """Say which part gave the most of each combination's saving, and what of its loss."""
    found = []
    for one in task.attributions:
        if one.measure == "energy":
            found.append(_sentence(one, _of_score(task, one.cell), names))
    return found


def tables(task: TaskAnalysis, names: ShortNames) -> list[AnalysisTable]:
    """Return a table for each combination: its parts in every measure."""
    cells = dict.fromkeys(one.cell for one in task.attributions)
    return [_table(task, cell, names) for cell in cells]


def _sentence(energy: Attribution, score: Attribution | None, names: ShortNames) -> str:
    name = names.variant(energy.cell)
    whole = energy.whole
    if not whole.excludes_zero:
        return f"{name} is not shown to take other energy than V0: there is nothing to divide."
    saves = "saves" if whole.value > 0 else "costs"
    amount = numbers.unit(abs(whole.value), energy.unit)
    low, high = sorted((abs(whole.low), abs(whole.high)))
    most = max(energy.parts, key=_share_of)
    text = f"{name} {saves} {amount} ({low:.3g} to {high:.3g}) a round"
    text += f"; {names.variant(most.part)} gave {_percent(most)} of that"
    if score is None:
        return f"{text}."
    if not score.whole.excludes_zero:
        return f"{text}. No change of its {score.measure} is shown that could be divided."
    word = "loss" if score.whole.value < 0 else "gain"
    worst = max(score.parts, key=_share_of)
    own = next(part for part in score.parts if part.part == most.part)
    changed = f"{abs(score.whole.value):.3g} {score.measure}"
    text += f", and {_percent(own)} of the {word} of {changed}"
    if worst.part != most.part:
        text += f", of which {names.variant(worst.part)} gave the most, {_percent(worst)}"
    return f"{text}."


def _share_of(part: PartShare) -> float:
    return part.share.value if part.share else 0.0


def _of_score(task: TaskAnalysis, cell: str) -> Attribution | None:
    for one in task.attributions:
        if one.cell == cell and not one.unit:
            return one
    return None


def _table(task: TaskAnalysis, cell: str, names: ShortNames) -> AnalysisTable:
    measures, parts, values, shares = [], [], [], []
    for one in task.attributions:
        if one.cell != cell:
            continue
        for part in one.parts:
            measures.append(TITLES.get(one.measure, one.measure))
            parts.append(names.variant(part.part))
            values.append(_value(one, part))
            shares.append(_percent(part))
    title = f"what the parts of {names.variant(cell)} gave: Shapley values of savings, and of the "
    title += "change of scores (95 %, for all parts at once)"
    return AnalysisTable(title, _columns(parts, measures, values, shares))


def _columns(
    parts: Sequence[str], measures: Sequence[str], values: Sequence[str], shares: Sequence[str]
) -> list[Column]:
    return [
        Column(heading="part", texts=parts),
        Column(heading="measure", texts=measures),
        Column(heading="gave", texts=values, numbers=True),
        Column(heading="share", texts=shares, numbers=True),
    ]


def _value(one: Attribution, part: PartShare) -> str:
    amount = part.amount
    if one.unit:
        return numbers.plus_minus(amount.value, amount.high - amount.value, one.unit)
    return difference(amount)


def _percent(part: PartShare) -> str:
    share = part.share
    if share is None:
        return numbers.UNKNOWN
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"
