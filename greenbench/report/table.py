"""The table at the end of a session, and the doubts below it, in plain words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from greenbench.report.numbers import difference, plus_minus, ratio, unit
from greenbench.results.reading import CellRecord, baseline_of, source_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


MATRIX_ONLY = ("of V0", "quality", "to V0")
"""Columns that say nothing of another repository's plain functions."""
WORDS = ("cell", "energy source", "status")
COLUMNS = ("cell", "time", "energy", "of V0", "quality", "to V0", "energy source", "status")


def show(
    console: Console,
    records: Sequence[CellRecord],
    primary: Mapping[str, Sequence[str]],
    known: Sequence[CellRecord] = (),
) -> None:
    """Print one line a cell. ``primary`` names each task's metrics, the first one that is known first.

    V0 is looked for among ``known`` records, or among ``records`` themselves.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    metrics = shown_metrics(records, primary)
    shown = [c for c in COLUMNS if c not in MATRIX_ONLY or any(r.variant for r in records)]
    for column in shown:
        words = column in WORDS  # numbers keep their line on a narrow terminal, words are folded
        table.add_column(
            column, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for record in records:
        cells = row(record, baseline_of(record, known or records), metrics.get(record.task, ""))
        table.add_row(
            *(escape(text) for column, text in zip(COLUMNS, cells, strict=True) if column in shown)
        )
    console.print(table)


def shown_metrics(
    records: Sequence[CellRecord], primary: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Choose one metric for each task, the same in all its lines: the first that any of its cells knows."""
    return {
        task: next(
            (n for n in names if any(r.score(n) is not None for r in records if r.task == task)),
            names[0],
        )
        for task, names in primary.items()
    }


def row(record: CellRecord, baseline: CellRecord | None, primary: str) -> tuple[str, ...]:
    """Return the cells of a table row, as text."""
    base = baseline if baseline is not None and baseline is not record else None
    joules, quality = record.joules, record.score(primary)
    return (
        record.id,
        unit(record.seconds, "s"),
        plus_minus(joules, record.uncertainty, "J"),
        ratio(joules, base.joules)
        if base and record.same_sources(base) and not _empty(record, base)
        else "-",
        f"{primary} {quality:.3f}{_bounds(record, primary)}"
        if quality is not None
        else "not scored",
        difference(quality, base.score(primary)) if base else "-",
        source_label(record),
        "failed" if record.failed else record.void or record.status,
    )


def _empty(record: CellRecord, base: CellRecord) -> bool:
    """Whether a share of V0's joules would mean nothing: a cell predicts nothing, or its knobs did nothing."""
    return bool(record.void or base.degenerate)


def _bounds(record: CellRecord, primary: str) -> str:
    """Return the 95 % interval of the score, if it is known."""
    metric = record.quality[primary]
    if metric.low is None or metric.high is None:
        return ""
    return f" ({metric.low:.2f} to {metric.high:.2f})"


def spread(record: CellRecord, primary: str) -> str | None:
    """Say between which values the rounds lie; None for a single round."""
    rounds = record.rounds
    if len(rounds) < 2:  # noqa: PLR2004
        return None
    totals = [r.whole.energy.total_j for r in rounds] if record.sources else []
    scores = []
    for one_round in rounds:
        metric = one_round.judged.quality.get(primary)
        if metric is not None and metric.value is not None:
            scores.append(metric.value)
    parts = [_between([r.whole.seconds for r in rounds], "s")]
    parts.append(_between([total for total in totals if total is not None], "J"))
    if scores:
        parts.append(f"{primary} {min(scores):.3f} to {max(scores):.3f}")
    return f"{record.id}: mean of {len(rounds)} rounds: {', '.join(p for p in parts if p)}"


def failures(records: Sequence[CellRecord]) -> list[str]:
    """Say, for cells whose outputs can fail, how many failed and why."""
    lines = []
    for record in records:
        counts = Counter[str]()
        for one_round in record.rounds:
            counts.update(one_round.judged.failures)
        if any(counts.values()):
            told = ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in counts.items() if n)
            rounds = f" in {len(record.rounds)} rounds" if len(record.rounds) > 1 else ""
            lines.append(f"{record.id}: failed outputs{rounds}: {told}")
    return lines


def _between(values: Sequence[float], name: str) -> str:
    return f"{unit(min(values), name)} to {unit(max(values), name)}" if values else ""


def doubts(records: Sequence[CellRecord]) -> list[str]:
    """Return each warning once, with the cells that it is about."""
    about: dict[str, list[str]] = {}
    for record in records:
        for doubt in (*record.doubts, *_failure(record)):
            about.setdefault(doubt, []).append(record.id)
    lines = []
    for text, ids in about.items():
        whole = len(ids) == len(records) > 1
        lines.append(f"{'all cells' if whole else ', '.join(ids)}: {text}")
    return lines


def _failure(record: CellRecord) -> list[str]:
    if record.error:
        return [f"failed: {record.error}"]
    return ["its test failed after it was measured"] if record.failed else []
