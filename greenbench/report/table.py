"""The table at the end of a session, and the doubts below it, in plain words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from greenbench.quality import DEGENERATE
from greenbench.report.numbers import difference, plus_minus, ratio, unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

BASELINE = "V0_baseline"

Record = dict[str, Any]
MATRIX_ONLY = ("of V0", "quality", "to V0")
"""Columns that say nothing of another repository's plain functions."""
WORDS = ("cell", "energy source", "status")
COLUMNS = ("cell", "time", "energy", "of V0", "quality", "to V0", "energy source", "status")


def show(
    console: Console, records: Sequence[Record], primary: Mapping[str, Sequence[str]], known: Sequence[Record] = ()
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
        table.add_column(column, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    for record in records:
        cells = row(record, baseline_of(record, known or records), metrics.get(record["task"], ""))
        table.add_row(*(escape(text) for column, text in zip(COLUMNS, cells, strict=True) if column in shown))
    console.print(table)


def shown_metrics(records: Sequence[Record], primary: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Choose one metric for each task, the same in all its lines: the first that any of its cells knows."""
    return {
        task: next((n for n in names if any(score(r, n) is not None for r in records if r["task"] == task)), names[0])
        for task, names in primary.items()
    }


def baseline_of(record: Record, records: Sequence[Record]) -> Record | None:
    """Return V0's record for the same task, if it stands among ``records`` and neither it nor its test failed."""
    same = (r for r in records if r["variant"] == BASELINE and r["task"] == record["task"] and not failed(r))
    return next(same, None)


def failed(record: Record) -> bool:
    """Whether the cell failed, or its test did after it was measured."""
    return record["status"] == "failed" or record.get("outcome") == "failed"


def row(record: Record, baseline: Record | None, primary: str) -> tuple[str, ...]:
    """Return the cells of a table row, as text."""
    base = baseline if baseline is not None and baseline is not record else None
    joules, quality = mean_joules(record), score(record, primary)
    return (
        record["id"],
        unit(mean_seconds(record), "s"),
        plus_minus(joules, uncertainty(record), "J"),
        ratio(joules, mean_joules(base)) if base and comparable(record, base) and not _empty(record, base) else "-",
        f"{primary} {quality:.3f}{_bounds(record, primary)}" if quality is not None else "not scored",
        difference(quality, score(base, primary)) if base else "-",
        source_label(record),
        "failed" if failed(record) else void(record) or record["status"],
    )


def _empty(record: Record, base: Record) -> bool:
    """Whether a share of V0's joules would mean nothing: this cell or V0 predicts nothing, or this one's knobs did nothing."""
    return bool(void(record) or base.get("degenerate"))


def void(record: Record) -> str:
    """Return why nothing can be concluded from a cell's savings: its model predicts nothing, or its knobs did nothing."""
    return DEGENERATE if record.get("degenerate") else record.get("effect") or ""


def comparable(record: Record, base: Record) -> bool:
    """Joules are held against V0's only where both sum the same channels from the same sources."""
    return known_sources(record) == known_sources(base)


def known_sources(record: Record) -> dict[str, str]:
    """Return the source of each channel that the rounds' joules sum; nothing where rounds sum different ones."""
    each = [{c: r["energy"]["sources"][c] for c in r["energy"]["scope"]} for r in record["rounds"]]
    return each[0] if each and all(sources == each[0] for sources in each) else {}


def mean_seconds(record: Record | None) -> float | None:
    """Mean wall-clock seconds of a round."""
    rounds = record["rounds"] if record else []
    return sum(r["seconds"] for r in rounds) / len(rounds) if rounds else None


def mean_joules(record: Record | None) -> float | None:
    """Mean joules of a round over the known channels; None where rounds know none, or not the same."""
    if record is None or not known_sources(record):
        return None
    return float(sum(r["energy"]["total_j"] for r in record["rounds"]) / len(record["rounds"]))


def uncertainty(record: Record) -> float | None:
    """Half-width of the 95 % interval of ``mean_joules``; None in files of an older greenbench."""
    known: float | None = record.get("energy", {}).get("total_j", {}).get("uncertainty")
    return known


def score(record: Record | None, primary: str) -> float | None:
    """Value of the primary metric, or None."""
    metric = (record or {}).get("quality", {}).get(primary)
    return metric["value"] if metric else None


def _bounds(record: Record, primary: str) -> str:
    """Return the 95 % interval of the score, where there is one."""
    low, high = (record["quality"][primary].get(name) for name in ("low", "high"))
    return "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"


def source_label(record: Record) -> str:
    """Name where the joules come from, channel by channel; how an estimate was made stands among the doubts."""
    named = known_sources(record)
    return ", ".join(f"{c} {s.partition(':')[0] if s.startswith('estimated:') else s}" for c, s in named.items()) or "none"


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
