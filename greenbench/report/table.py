"""The table of a session: a line a cell, each ratio with its interval, and the caption below it.

On a narrow terminal columns are left out in this order: the ratio of time to V0's, the energy
source, the score, the time, the total energy (first its +-), the difference of scores. The name of
the cell, the ratio of energy with its interval, and the status always stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.gates.changes import NO_INTERVAL, Change, NoChange
from greenbench.report import numbers
from greenbench.report.layout import Column
from greenbench.results.reading import source_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.report.comparison import TaskComparison
    from greenbench.report.names import ShortNames
    from greenbench.results.reading import CellRecord

TIME_RATIO, SOURCE, SCORE, TIME, TOTAL, SCORE_CHANGE = range(1, 7)
"""The order in which columns are dropped."""
CANNOT_TELL = "can't tell"
STATUS_STYLES = {"ok": "", "partial": "yellow"}


def columns(
    records: Sequence[CellRecord], comparisons: Sequence[TaskComparison], names: ShortNames
) -> list[Column]:
    """Return the columns of the table, all entries written; those that say nothing are left out."""
    by_task = {comparison.task: comparison for comparison in comparisons}
    every = [
        Column(heading="cell", texts=[names[record.id] for record in records]),
        _time(records),
        _total(records),
    ]
    if by_task:
        every.append(_energy_ratio(records, by_task))
        every.append(_time_ratio(records, by_task))
        every.append(_score(records, by_task))
        every.append(_score_change(records, by_task))
    if common_sources(records) is None:
        every.append(_source(records))
    every.append(_status(records))
    return [column for column in every if not column.is_empty]


def _time(records: Sequence[CellRecord]) -> Column:
    texts = [numbers.unit(record.seconds, "s") for record in records]
    return Column(heading="time", texts=texts, dropped=TIME, numbers=True)


def _total(records: Sequence[CellRecord]) -> Column:
    """Return the joules; if all are estimates, the caption has their common uncertainty."""
    short = [numbers.unit(record.joules, "J") for record in records]
    if only_estimated(records):
        return Column(heading="total", texts=short, dropped=TOTAL, numbers=True)
    texts = [numbers.plus_minus(record.joules, record.uncertainty, "J") for record in records]
    return Column(heading="total", texts=texts, short=short, dropped=TOTAL, numbers=True)


def _energy_ratio(records: Sequence[CellRecord], by_task: Mapping[str, TaskComparison]) -> Column:
    changes = []
    for record in records:
        comparison = by_task.get(record.task)
        changes.append(comparison.energy.get(record.id) if comparison else None)
    texts = [ratio_text(record, change) for record, change in zip(records, changes, strict=True)]
    styles = [_ratio_style(change) for change in changes]
    return Column(heading="vs V0 (95 %)", texts=aligned(texts), styles=styles)


def _time_ratio(records: Sequence[CellRecord], by_task: Mapping[str, TaskComparison]) -> Column:
    texts = []
    for record in records:
        comparison = by_task.get(record.task)
        change = comparison.time.get(record.id) if comparison else None
        texts.append(ratio_text(record, change))
    return Column(heading="time vs V0 (95 %)", texts=aligned(texts), dropped=TIME_RATIO)


def _score(records: Sequence[CellRecord], by_task: Mapping[str, TaskComparison]) -> Column:
    texts = []
    for record in records:
        comparison = by_task.get(record.task)
        name = comparison.score if comparison else ""
        text = score_text(record, name) if comparison else numbers.UNKNOWN
        texts.append(f"{name} {text}" if len(by_task) > 1 else text)
    scores = [comparison.score for comparison in by_task.values()]
    heading = f"{scores[0]} (95 %)" if len(scores) == 1 else "score (95 %)"
    return Column(heading=heading, texts=texts, dropped=SCORE)


def _score_change(records: Sequence[CellRecord], by_task: Mapping[str, TaskComparison]) -> Column:
    texts = []
    for record in records:
        comparison = by_task.get(record.task)
        change = comparison.quality.get(record.id) if comparison else None
        texts.append(difference_text(change))
    return Column(heading="delta V0 (95 %)", texts=aligned(texts), dropped=SCORE_CHANGE)


def _source(records: Sequence[CellRecord]) -> Column:
    texts = [source_label(record) for record in records]
    return Column(heading="energy source", texts=texts, dropped=SOURCE)


def _status(records: Sequence[CellRecord]) -> Column:
    texts = [status(record) for record in records]
    styles = [STATUS_STYLES.get(text, "red") for text in texts]
    return Column(heading="status", texts=texts, styles=styles)


def status(record: CellRecord) -> str:
    """Return ``failed``, ``DEGENERATE``, ``NO-EFFECT``, ``partial`` or ``ok``."""
    if record.failed:
        return "failed"
    return record.void or record.status


def ratio_text(record: CellRecord, change: Change | NoChange | None) -> str:
    """Return a ratio to V0's with its interval, or why there is none."""
    if isinstance(change, Change):
        text = numbers.ratio(change.value, change.low, change.high, separator="-")
        return text if change.excludes_no_change else f"{text} {CANNOT_TELL}"
    if change is None or record.flaw is not None:  # V0 itself, or its status says why
        return numbers.UNKNOWN
    if change.word == "NOT-COMPARABLE":
        return "other sources" if change.reason.startswith("scope: ") else "not comparable"
    if change.word == "UNMEASURED":
        return "unmeasured"
    return "no V0" if change.word == "MISSING" else f"V0 {change.word}"


def _ratio_style(change: Change | NoChange | None) -> str:
    if not isinstance(change, Change) or not change.excludes_no_change:
        return "dim"
    return "green" if change.value < change.neutral else "red"


def score_text(record: CellRecord, name: str) -> str:
    """Return a score with its interval, ``0.844 (0.80 to 0.89)``."""
    metric = record.quality.get(name)
    if metric is None or metric.value is None:
        return "not scored"
    if metric.low is None or metric.high is None:
        return f"{metric.value:.3f}"
    return f"{metric.value:.3f} ({metric.low:.2f} to {metric.high:.2f})"


def difference_text(change: Change | NoChange | None) -> str:
    """Return the difference to V0's score with its interval, or that there is none."""
    if isinstance(change, Change):
        return numbers.difference(change.value, change.low, change.high)
    if change is not None and change.word == NO_INTERVAL:
        return "no interval"
    return numbers.UNKNOWN


def aligned(texts: Sequence[str]) -> list[str]:
    """Return numbers with intervals, the numbers ending in one column."""
    heads = [text.partition(" (")[0] for text in texts if " (" in text]
    width = max((len(head) for head in heads), default=0)
    lines = []
    for text in texts:
        head, sign, rest = text.partition(" (")
        lines.append(f"{head:>{width}}{sign}{rest}" if sign else text)
    return lines


# --- the caption ----------------------------------------------------------------------------------


def caption(
    records: Sequence[CellRecord],
    comparisons: Sequence[TaskComparison],
    every: Sequence[Column],
    shown: Sequence[Column],
) -> list[str]:
    """Return what stands below the table: methods, sources, V0's numbers, what is left out."""
    headings = {column.heading for column in shown}
    lines = []
    methods = _methods([comparison.energy for comparison in comparisons])
    if methods:
        lines.append(
            f"vs V0: energy as a multiple of V0's, with its 95 % interval ({methods}); "
            f"{CANNOT_TELL}: the interval contains 1."
        )
    scored = _score_methods(comparisons)
    if scored and "delta V0 (95 %)" in headings:
        lines.append(f"delta V0: difference of {scored}.")
    sources = common_sources(records)
    if sources:
        lines.append(_sources_sentence(records, sources))
    left_out = []
    for column in every:
        if column.heading not in headings:
            left_out.append(column.heading.removesuffix(" (95 %)"))
    if left_out:
        lines += _baselines(comparisons)
        lines.append(f"Left out for want of width: {', '.join(left_out)}.")
    return lines


def _methods(changes: Sequence[Mapping[str, Change | NoChange]]) -> str:
    methods: dict[str, None] = {}
    for of_task in changes:
        for change in of_task.values():
            if isinstance(change, Change):
                methods[change.how] = None
    return "; or ".join(methods)


def _score_methods(comparisons: Sequence[TaskComparison]) -> str:
    texts = []
    for comparison in comparisons:
        methods = _methods([comparison.quality])
        if methods:
            texts.append(f"{comparison.task}'s {comparison.score} ({methods})")
    return ", ".join(texts)


def only_estimated(records: Sequence[CellRecord]) -> bool:
    """Whether all joules are estimates, so that most of their uncertainty is common to all."""
    sources: set[str] = set()
    for record in records:
        sources.update(record.sources.values())
    return bool(sources) and all(source.startswith("estimated:") for source in sources)


def common_sources(records: Sequence[CellRecord]) -> dict[str, str] | None:
    """Return the sources that all cells with joules share; None if they differ."""
    known = [record.sources for record in records if record.sources]
    if any(sources != known[0] for sources in known):
        return None
    return known[0] if known else {}


def _sources_sentence(records: Sequence[CellRecord], sources: Mapping[str, str]) -> str:
    texts = [f"{channel} {source}" for channel, source in sources.items()]
    line = f"Energy source: {', '.join(texts)}"
    if not only_estimated(records):
        return f"{line}."
    shares = []
    for record in records:
        if record.joules and record.uncertainty:
            shares.append(record.uncertainty / record.joules)
    if not shares:
        return f"{line}, not measured."
    return (
        f"{line}, not measured: +- {100 * max(shares):.0f} %, most of it common to all cells, "
        "where it leaves ratios alone."
    )


def _baselines(comparisons: Sequence[TaskComparison]) -> list[str]:
    """Return V0's own numbers by task, which columns that are left out would show."""
    lines = []
    for comparison in comparisons:
        baseline = comparison.baseline
        if baseline is None or baseline.failed:
            continue
        seconds = numbers.unit(baseline.seconds, "s")
        joules = numbers.plus_minus(baseline.joules, baseline.uncertainty, "J")
        score = score_text(baseline, comparison.score)
        lines.append(f"V0 of {comparison.task}: {seconds}, {joules}, {comparison.score} {score}.")
    return lines
