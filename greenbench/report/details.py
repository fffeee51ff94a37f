"""What ``--green-verbose`` adds: how far rounds differ, and which outputs failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from greenbench.report.numbers import quantity, unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.results.reading import CellRecord


def spread(record: CellRecord, score: str) -> str | None:
    """Return the smallest and largest value of a cell's rounds; None for a single round."""
    rounds = record.rounds
    if len(rounds) < 2:  # noqa: PLR2004
        return None
    totals = []
    scores = []
    for one_round in rounds:
        joules = one_round.whole.energy.total_j
        if record.sources and joules is not None:
            totals.append(joules)
        metric = one_round.judged.quality.get(score)
        if metric is not None and metric.value is not None:
            scores.append(metric.value)
    parts = [_range([one_round.whole.seconds for one_round in rounds], "s")]
    if totals:
        parts.append(_range(totals, "J"))
    if scores:
        parts.append(f"{score} {min(scores):.3f} to {max(scores):.3f}")
    return f"{record.id}: mean of {len(rounds)} rounds: {', '.join(parts)}"


def phases(record: CellRecord) -> str | None:
    """Return what reading prompts and writing took of inference; None if nothing was written."""
    parts = []
    for name, quantities in record.phases.items():
        taken = quantity(quantities.get("seconds"), "s")
        joules = quantities.get("total_j")
        if joules is not None:
            taken = f"{quantity(joules, 'J')} in {taken}"
        parts.append(f"{name} {taken}")
    return f"{record.id}: of inference {', '.join(parts)}" if parts else None


def failures(records: Sequence[CellRecord]) -> list[str]:
    """Return, for cells whose outputs can fail, how many failed and why."""
    lines = []
    for record in records:
        counts = Counter[str]()
        for one_round in record.rounds:
            counts.update(one_round.judged.failures)
        reasons = []
        for name, count in counts.items():
            if count:
                reasons.append(f"{count} {name.replace('_', ' ')}")
        if reasons:
            rounds = f" in {len(record.rounds)} rounds" if len(record.rounds) > 1 else ""
            lines.append(f"{record.id}: failed outputs{rounds}: {', '.join(reasons)}")
    return lines


def _range(values: Sequence[float], name: str) -> str:
    return f"{unit(min(values), name)} to {unit(max(values), name)}"
