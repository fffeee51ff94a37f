"""The table at the end of a session, and the doubts below it, in plain words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from greenbench.report.numbers import difference, plus_minus, ratio, unit
from greenbench.results.reading import (
    Record,
    baseline_of,
    comparable,
    failed,
    known_sources,
    mean_joules,
    mean_seconds,
    score,
    source_label,
    uncertainty,
    void,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


MATRIX_ONLY = ("of V0", "quality", "to V0")
"""Columns that say nothing of another repository's plain functions."""
WORDS = ("cell", "energy source", "status")
COLUMNS = ("cell", "time", "energy", "of V0", "quality", "to V0", "energy source", "status")


def show(
    console: Console,
    records: Sequence[Record],
    primary: Mapping[str, Sequence[str]],
    known: Sequence[Record] = (),
) -> None:
    """Print one line a cell. ``primary`` names each task's metrics, the first one that is known first.

    V0 is looked for among ``known`` records, or among ``records`` themselves.
    """
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    metrics = shown_metrics(records, primary)
    shown = [c for c in COLUMNS if c not in MATRIX_ONLY or any(r["variant"] for r in records)]
    for column in shown:
        words = column in WORDS  # numbers keep their line on a narrow terminal, words are folded
        table.add_column(
            column, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for record in records:
        cells = row(record, baseline_of(record, known or records), metrics.get(record["task"], ""))
        table.add_row(
            *(escape(text) for column, text in zip(COLUMNS, cells, strict=True) if column in shown)
        )
    console.print(table)


def shown_metrics(
    records: Sequence[Record], primary: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Choose one metric for each task, the same in all its lines: the first that any of its cells knows."""
    return {
        task: next(
            (
                n
                for n in names
                if any(score(r, n) is not None for r in records if r["task"] == task)
            ),
            names[0],
        )
        for task, names in primary.items()
    }


def row(record: Record, baseline: Record | None, primary: str) -> tuple[str, ...]:
    """Return the cells of a table row, as text."""
    base = baseline if baseline is not None and baseline is not record else None
    joules, quality = mean_joules(record), score(record, primary)
    return (
        record["id"],
        unit(mean_seconds(record), "s"),
        plus_minus(joules, uncertainty(record), "J"),
        ratio(joules, mean_joules(base))
        if base and comparable(record, base) and not _empty(record, base)
        else "-",
        f"{primary} {quality:.3f}{_bounds(record, primary)}"
        if quality is not None
        else "not scored",
        difference(quality, score(base, primary)) if base else "-",
        source_label(record),
        "failed" if failed(record) else void(record) or record["status"],
    )


def _empty(record: Record, base: Record) -> bool:
    """Whether a share of V0's joules would mean nothing: this cell or V0 predicts nothing, or this one's knobs did nothing."""
    return bool(void(record) or base.get("degenerate"))


def _bounds(record: Record, primary: str) -> str:
    """Return the 95 % interval of the score, where there is one."""
    low, high = (record["quality"][primary].get(name) for name in ("low", "high"))
    return "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"


def spread(record: Record, primary: str) -> str | None:
    """Say between which values the rounds lie; None for a single round."""
    rounds = record["rounds"]
    if len(rounds) < 2:  # noqa: PLR2004
        return None
    joules = [r["energy"]["total_j"] for r in rounds] if known_sources(record) else []
    scores = [v for r in rounds if (v := r["quality"].get(primary, {}).get("value")) is not None]
    parts = [_between([r["seconds"] for r in rounds], "s"), _between(joules, "J")]
    parts += [f"{primary} {min(scores):.3f} to {max(scores):.3f}"] if scores else []
    return f"{record['id']}: mean of {len(rounds)} rounds: {', '.join(p for p in parts if p)}"


def failures(records: Sequence[Record]) -> list[str]:
    """Say, for cells whose outputs can fail, how many failed and why."""
    lines = []
    for record in records:
        counts = Counter[str]()
        for one in record["rounds"]:
            counts.update(one.get("failures", {}))
        if any(counts.values()):
            told = ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in counts.items() if n)
            rounds = f" in {len(record['rounds'])} rounds" if len(record["rounds"]) > 1 else ""
            lines.append(f"{record['id']}: failed outputs{rounds}: {told}")
    return lines


def _between(values: Sequence[float], name: str) -> str:
    return f"{unit(min(values), name)} to {unit(max(values), name)}" if values else ""


def doubts(records: Sequence[Record]) -> list[str]:
    """Return each doubt once, with the cells that it is about."""
    about: dict[str, list[str]] = {}
    for record in records:
        for doubt in record["doubts"] + _failure(record):
            about.setdefault(doubt, []).append(record["id"])
    return [
        f"{', '.join(ids) if len(ids) < len(records) or len(records) == 1 else 'all cells'}: {text}"
        for text, ids in about.items()
    ]


def _failure(record: Record) -> list[str]:
    if record["error"]:
        return [f"failed: {record['error']}"]
    return ["its test failed after it was measured"] if failed(record) else []
