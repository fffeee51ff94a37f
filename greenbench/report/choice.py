"""What to choose, for people: the greenest variant that keeps the score, and where others stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.analysis.choice import UNCHANGED
from greenbench.report import numbers
from greenbench.report.additivity import AnalysisTable, difference, ratio
from greenbench.report.cost import plural
from greenbench.report.layout import Column
from greenbench.report.texts import listed
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.break_even import BreakEven
    from greenbench.analysis.choice import Candidate, Choice
    from greenbench.report.names import ShortNames

NOBODY_ELSE = 2
"""Candidates of which one is V0: the interval is that of the other alone."""
SURE = 0.995
"""Share of draws that is shown as all of them."""


def sentence(choice: Choice, names: ShortNames) -> str:
    """Name the greenest variant that keeps V0's score, and the greener ones that do not."""
    score = f"{choice.score} within {choice.keep:g}"
    chosen = next(one for one in choice.candidates if one.cell == choice.greenest)
    name = names.variant(chosen.cell)
    if len(choice.candidates) == 1:
        return f"There is nothing to choose from beside {name}."
    if is_baseline(name):
        text = f"No variant that keeps V0's {score} is shown to save energy"
    else:
        amount = numbers.saving(chosen.energy.value, chosen.energy.low, chosen.energy.high)
        text = f"The greenest variant that keeps V0's {score} is {name}: it saves {amount} of V0's "
        text += f"energy{_of_all(choice)}, and its {choice.score} {_kept(chosen)}, "
        text += _blocks(choice)
        text += _rival(choice, names)
    greener = []
    for one in choice.candidates:
        if one.joules < chosen.joules and one.excluded:
            greener.append(f"{names.variant(one.cell)} ({one.excluded})")
    if greener:
        text += f". Greener, but excluded: {listed(greener, most=4)}"
    return f"{text}."


def _of_all(choice: Choice) -> str:
    """Say that an interval holds for all variants at once, which makes it wider than its own."""
    return ", for all variants at once" if len(choice.candidates) > NOBODY_ELSE else ""


def _kept(chosen: Candidate) -> str:
    if chosen.change == UNCHANGED:
        return "is V0's in every round"
    return f"differs by {difference(chosen.change)}"


def _blocks(choice: Choice) -> str:
    text = f"n = {plural(choice.blocks, choice.n_of)}"
    return f"{text}, without the first one, which was warm-up" if choice.without_first else text


def tables(task: TaskAnalysis, names: ShortNames) -> list[AnalysisTable]:
    """Return the table of all candidates, and that of break-even points."""
    found = []
    if task.choice is not None and len(task.choice.candidates) > 1:
        found.append(_candidates(task.choice, names))
    if task.break_even:
        found.append(_break_even(task, names))
    return found


def _rival(choice: Choice, names: ShortNames) -> str:
    lead = choice.lead
    if lead is None or lead.high < 1 or is_baseline(names.variant(choice.rival)):
        return ""
    return f"; {names.variant(choice.rival)} is not shown to take more than it"


def _candidates(choice: Choice, names: ShortNames) -> AnalysisTable:
    cells, ratios, changes, fronts, excluded = [], [], [], [], []
    for one in choice.candidates:
        name = names.variant(one.cell)
        cells.append(name)
        fronts.append(share(one.on_front))
        excluded.append(_short(one, choice))
        if is_baseline(name):
            ratios.append(numbers.UNKNOWN)
            changes.append(numbers.UNKNOWN)
        else:
            ratios.append(ratio(one.energy))
            changes.append(difference(one.change))
    columns = [
        Column(heading="cell", texts=cells),
        Column(heading="energy vs V0", texts=ratios),
        Column(heading=f"{choice.score} - V0's", texts=changes),
        Column(heading="on front", texts=fronts, numbers=True),
        Column(heading="", texts=excluded),
    ]
    title = f"energy against {choice.score} (95 %, for all lines at once); on front: the share of "
    title += "draws in which no other cell is better in both"
    return AnalysisTable(title, columns)


def _short(one: Candidate, choice: Choice) -> str:
    if one.cell == choice.greenest:
        return "greenest"
    if "energy" in one.excluded:
        return "no saving"
    return "score not kept" if one.excluded else ""


def _break_even(task: TaskAnalysis, names: ShortNames) -> AnalysisTable:
    cells, meanings, counts = [], [], []
    for one in task.break_even:
        cells.append(names.variant(one.cell))
        meanings.append(one.pays)
        counts.append(_inferences(one))
    columns = [
        Column(heading="cell", texts=cells),
        Column(heading="takes less", texts=meanings),
        Column(heading="inferences (95 %, of one cell)", texts=counts),
    ]
    title = "break-even with V0: what is done once (data, architecture, training) against inference"
    return AnalysisTable(title, columns)


def _inferences(one: BreakEven) -> str:
    high = "never" if one.high is None else _count(one.high)
    return f"{_count(one.inferences)} ({_count(one.low)} to {high})"


def _count(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"


def share(part: float) -> str:
    """Return a share of draws in words: ``83 %``, ``> 99 %``, ``always``."""
    if part >= SURE:
        return "always" if part == 1 else "> 99 %"
    return f"{100 * part:.0f} %"
