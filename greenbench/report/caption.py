"""The caption below the table: methods, energy sources, V0's own numbers, and what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.experiment.knob_trials import is_shortened
from greenbench.gates.changes import Change, NoChange
from greenbench.gates.interleaved import WITHOUT_FIRST
from greenbench.report import numbers
from greenbench.report.verdicts import OTHER_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.report.comparison import TaskComparison
    from greenbench.report.layout import Column
    from greenbench.report.names import ShortNames
    from greenbench.results.reading import CellRecord

INTERVAL = " (95 %)"


def lines(
    records: Sequence[CellRecord],
    comparisons: Sequence[TaskComparison],
    every: Sequence[Column],
    shown: Sequence[Column],
    names: ShortNames,
) -> list[str]:
    """Return the sentences of the caption.

    ``every`` are the table's columns, ``shown`` those that fit.
    """
    left_out = _left_out(every, shown)
    texts = _combinations(records, names)
    methods = _methods(comparisons)
    if methods:
        texts.append(
            f"vs V0: energy as a multiple of V0's, with its 95 % interval ({methods}); "
            "can't tell: the interval contains 1."
        )
    if WITHOUT_FIRST in methods:
        texts.append(f"Ratios to V0: {OTHER_ROUNDS}.")
    if _any_drift(comparisons):
        texts.append("drift: a reference kernel's rate changed by more than the ratio.")
    scores = _score_methods(comparisons)
    if scores and "delta V0" not in left_out:
        texts.append(f"delta V0: difference of {scores}.")
    sources = common_sources(records)
    if sources:
        texts.append(_sources(records, sources))
    if left_out:
        texts += _baselines(comparisons)
        texts.append(f"Left out for want of width: {', '.join(left_out)}.")
    return texts


def _combinations(records: Sequence[CellRecord], names: ShortNames) -> list[str]:
    """Say what a variant of many knobs sets, whose name is too short to say it."""
    texts: dict[str, None] = {}
    for record in records:
        if record.changes and is_shortened(record.variant):
            settings = [f"{knob}={record.knobs.get(knob)}" for knob in record.changes]
            texts[f"{names.variant(record.id)} sets {', '.join(settings)}."] = None
    return list(texts)


def _left_out(every: Sequence[Column], shown: Sequence[Column]) -> list[str]:
    headings = {column.heading for column in shown}
    names = []
    for column in every:
        if column.heading not in headings:
            names.append(column.heading.removesuffix(INTERVAL))
    return names


def _methods(comparisons: Sequence[TaskComparison]) -> str:
    methods: dict[str, None] = {}
    for comparison in comparisons:
        methods.update(dict.fromkeys(_method_names(comparison.energy.values())))
    return "; or ".join(methods)


def _any_drift(comparisons: Sequence[TaskComparison]) -> bool:
    for comparison in comparisons:
        for cell_id, change in comparison.energy.items():
            excludes = isinstance(change, Change) and change.excludes_no_change
            if excludes and comparison.is_drift(cell_id):
                return True
    return False


def _score_methods(comparisons: Sequence[TaskComparison]) -> str:
    texts = []
    for comparison in comparisons:
        methods = _method_names(comparison.quality.values())
        if methods:
            texts.append(f"{comparison.task}'s {comparison.score} ({'; or '.join(methods)})")
    return ", ".join(texts)


def _method_names(changes: Iterable[Change | NoChange]) -> list[str]:
    """Return how changes were estimated, each method once."""
    methods: dict[str, None] = {}
    for change in changes:
        if isinstance(change, Change):
            methods[change.how] = None
    return list(methods)


def only_estimated(records: Sequence[CellRecord]) -> bool:
    """Whether all joules are estimates, so that most of their uncertainty is common to all."""
    sources: set[str] = set()
    for record in records:
        sources.update(record.sources.values())
    return bool(sources) and all(source.startswith("estimated:") for source in sources)


def common_sources(records: Sequence[CellRecord]) -> Mapping[str, str] | None:
    """Return the sources that all cells with joules share, empty without joules.

    None if they differ.
    """
    common: Mapping[str, str] = {}
    for record in records:
        if not record.sources:
            continue
        if common and record.sources != common:
            return None
        common = record.sources
    return common


def _sources(records: Sequence[CellRecord], sources: Mapping[str, str]) -> str:
    texts = [f"{channel} {source}" for channel, source in sources.items()]
    line = f"Energy source: {', '.join(texts)}"
    if not only_estimated(records):
        return f"{line}."
    largest = 0.0
    for record in records:
        if record.joules and record.uncertainty:
            largest = max(largest, record.uncertainty / record.joules)
    if not largest:
        return f"{line}, not measured."
    return (
        f"{line}, not measured: +- {100 * largest:.0f} %, most of it common to all cells, where it "
        "leaves ratios alone."
    )


def _baselines(comparisons: Sequence[TaskComparison]) -> list[str]:
    """Return V0's own numbers by task, which columns that are left out would show."""
    texts = []
    for comparison in comparisons:
        baseline = comparison.baseline
        if baseline is not None and not baseline.failed:
            texts.append(f"V0 of {comparison.task}: {_own_numbers(baseline, comparison.score)}.")
    return texts


def _own_numbers(record: CellRecord, score: str) -> str:
    parts = [numbers.unit(record.seconds, "s")]
    parts.append(numbers.plus_minus(record.joules, record.uncertainty, "J"))
    parts.append(f"{score} {score_text(record, score)}")
    return ", ".join(parts)


def score_text(record: CellRecord, name: str) -> str:
    """Return a score with its interval, ``0.844 (0.80 to 0.89)``."""
    metric = record.quality.get(name)
    if metric is None or metric.value is None:
        return "not scored"
    if metric.low is None or metric.high is None:
        return f"{metric.value:.3f}"
    return f"{metric.value:.3f} ({metric.low:.2f} to {metric.high:.2f})"
