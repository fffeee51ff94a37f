"""Whether savings add up, for people: the answer in sentences, then tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.analysis import nulls
from greenbench.analysis.additivity import WORDS
from greenbench.analysis.simultaneous import ADDITIVE, CANNOT_TELL
from greenbench.report import numbers
from greenbench.report.layout import Column
from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.additivity import Additivity, CombinedEffect, Expected
    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.simultaneous import Bounded
    from greenbench.report.names import ShortNames

TITLES = {
    "energy": "energy",
    "energy_net": "energy net of idle",
    "energy_gpu": "energy of the GPU alone",
    "time": "time",
}
STYLES = {ADDITIVE: "green", CANNOT_TELL: "dim"}
EVEN_SO = 0.5
"""Share of the excess from which on one stage is named for it."""


class AnalysisTable(NamedTuple):
    """A table with its title."""

    title: str
    columns: list[Column]


def answer(task: TaskAnalysis, names: ShortNames) -> str:
    """Return whether the savings of a task's combinations add up, in a few sentences."""
    energy = task.energy
    if energy is None:
        reason = (task.unmeasured or {}).get("energy", "unknown")
        return f"On {task.task}, nothing is known of energy ({reason})."
    if not energy.combinations:
        return f"On {task.task}, no combination of variants has all of its parts measured."
    word = _source_word(task.source)
    adding, interacting, unknown = [], [], []
    for one in energy.combinations:
        verdict = one.expected[0].verdict
        if verdict == ADDITIVE:
            adding.append(one)
        elif verdict == CANNOT_TELL:
            unknown.append(one)
        else:
            interacting.append(one)
    sentences = []
    if adding:
        sentences.append(_adding(adding, names, word))
    for one in interacting:
        sentences.append(_interacting(one, names, word))
    if unknown:
        sentences.append(_undecided(unknown, names, energy.n_of))
    first, *others = sentences
    text = f"On {task.task}, {first}."
    for sentence in others:
        text += f" {sentence[0].upper()}{sentence[1:]}."
    return text


def _adding(adding: Sequence[CombinedEffect], names: ShortNames, word: str) -> str:
    texts, ratios = [], []
    for one in adding:
        texts.append(_joined(one, names))
        ratios.append(_times(one.expected[0]))
    verb = "adds" if len(adding) == 1 else "add"
    text = f"{listed(texts, most=4)} {verb} up within 5 %: {listed(ratios, most=4)} times the "
    return f"{text}{word}energy that the parts predict"


def tables(task: TaskAnalysis, names: ShortNames) -> list[AnalysisTable]:
    """Return the tables of a task: the default null, the other nulls, the other measures."""
    energy = task.energy
    found = []
    if energy is not None and energy.combinations:
        found.append(_main(task, energy, names))
        found.append(_nulls(energy, names))
    others = []
    for one in task.additivity:
        if one.measure != "energy" and one.combinations:
            others.append(one)
    if others:
        found.append(_measures(others, names))
    return found


def _main(task: TaskAnalysis, energy: Additivity, names: ShortNames) -> AnalysisTable:
    combinations, parts, observed, expected, ratios, verdicts = [], [], [], [], [], []
    for one in energy.combinations:
        by_stages = one.expected[0]
        combinations.append(names.variant(one.cell))
        parts.append(_parts(one, names))
        observed.append(numbers.unit(one.observed, energy.unit))
        expected.append(numbers.unit(by_stages.value, energy.unit))
        ratios.append(_ratio(by_stages))
        verdicts.append(by_stages.verdict)
    word = _source_word(task.source)
    title = f"{word}energy, observed / expected; the parts {nulls.NULLS['stages']} "
    title += "(95 % intervals, for all lines at once)"
    columns = [
        Column(heading="combination", texts=combinations),
        Column(heading="parts", texts=parts),
        Column(heading="observed", texts=observed, numbers=True, dropped=1),
        Column(heading="expected", texts=expected, numbers=True, dropped=2),
        Column(heading="ratio", texts=ratios),
        verdict_column(verdicts),
    ]
    return AnalysisTable(title, columns)


def verdict_column(verdicts: Sequence[str]) -> Column:
    """Return the column of verdicts, coloured."""
    styles = []
    for verdict in verdicts:
        styles.append(STYLES.get(verdict, "yellow"))
    return Column(heading="verdict", texts=verdicts, styles=styles)


def _nulls(energy: Additivity, names: ShortNames) -> AnalysisTable:
    """Return what the other rules would have said."""
    combinations, totals, savings = [], [], []
    for one in energy.combinations:
        _, by_totals, by_savings = one.expected
        combinations.append(names.variant(one.cell))
        totals.append(_ratio(by_totals))
        savings.append(_ratio(by_savings))
    columns = [
        Column(heading="combination", texts=combinations),
        Column(heading=nulls.NULLS["totals"], texts=totals),
        Column(heading=nulls.NULLS["savings"], texts=savings),
    ]
    return AnalysisTable("the same by other rules, which err where stages differ", columns)


def _measures(others: Sequence[Additivity], names: ShortNames) -> AnalysisTable:
    """Return a line a combination and measure, of measures other than joules in all."""
    combinations, measures, ratios, verdicts = [], [], [], []
    for measured in others:
        for one in measured.combinations:
            expected = one.expected[0]
            combinations.append(names.variant(one.cell))
            measures.append(TITLES.get(measured.measure, measured.measure))
            ratios.append(_change(measured, expected))
            verdicts.append(expected.verdict)
    columns = [
        Column(heading="combination", texts=combinations),
        Column(heading="measure", texts=measures),
        Column(heading="observed vs expected", texts=ratios),
        verdict_column(verdicts),
    ]
    title = "other measures: observed / expected, of scores observed - expected"
    return AnalysisTable(title, columns)


def _interacting(one: CombinedEffect, names: ShortNames, word: str) -> str:
    expected = one.expected[0]
    direction = "more" if expected.verdict == WORDS[0] else "less"
    text = f"{_joined(one, names)} takes {direction} {word}energy than its parts predict: "
    text += f"{_times(expected)} times that{_where(one)}"
    totals = one.expected[1]
    if totals.verdict == ADDITIVE:
        text += "; the product of totals would have called it additive"
    return text


def _where(one: CombinedEffect) -> str:
    """Name the stage that most of the excess is in; empty if no stage has half of it."""
    total = sum(one.excess_by_stage.values())
    for stage, excess in one.excess_by_stage.items():
        if total and excess / total > EVEN_SO:
            return f", mostly in the {stage} stage"
    return ""


def _undecided(unknown: Sequence[CombinedEffect], names: ShortNames, n_of: str) -> str:
    texts = []
    needed = []
    for one in unknown:
        texts.append(f"{names.variant(one.cell)} ({_times(one.expected[0])})")
        needed.append(one.expected[0].blocks_needed)
    text = f"it cannot be told for {listed(texts, most=4)}"
    known = [count for count in needed if count is not None]
    if len(known) < len(needed):
        return f"{text}, and 2,000 {n_of}s would not tell for all of them"
    return f"{text}; about {max(known)} {n_of}s would tell"


def _joined(one: CombinedEffect, names: ShortNames) -> str:
    return f"{names.variant(one.cell)} ({_parts(one, names)})"


def _parts(one: CombinedEffect, names: ShortNames) -> str:
    return " + ".join(names.variant(part) for part in one.parts)


def _source_word(source: str) -> str:
    for word in ("estimated", "simulated"):
        if word in source:
            return f"{word} "
    return ""


def _ratio(expected: Expected) -> str:
    change = expected.change
    if change is None:
        return expected.verdict
    return numbers.ratio(change.value, change.low, change.high, separator="-")


def _times(expected: Expected) -> str:
    return expected.verdict if expected.change is None else ratio(expected.change)


def _change(measured: Additivity, expected: Expected) -> str:
    if measured.unit or expected.change is None:
        return _ratio(expected)
    return difference(expected.change)


def ratio(change: Bounded) -> str:
    """Return ``0.62 (0.55 to 0.70)``."""
    return numbers.ratio(change.value, change.low, change.high)


def difference(change: Bounded) -> str:
    """Return ``-0.02 (-0.06 to 0.01)``."""
    return numbers.difference(change.value, change.low, change.high)
