"""Stages that were not repeated: what a session took over, and what the cache keeps."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greenbench.report.cost import plural
from greenbench.report.numbers import unit
from greenbench.types import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.results.reading import CellRecord
    from greenbench.reuse.store import CacheEntry
    from greenbench.types import Round


def notes(records: Sequence[CellRecord]) -> tuple[str, ...]:
    """Say what was measured in the rounds of a session, and what is recorded from before.

    Empty if everything was measured.
    """
    rounds = [one_round for record in records for one_round in record.rounds]
    taken_over = Counter(window.stage for one_round in rounds for window in one_round.reused)
    if not taken_over:
        return ()
    counts = []
    for stage, name in REUSABLE.items():
        if taken_over[stage]:
            counts.append(plural(taken_over[stage], name))
    text = f"{_amounts(rounds)}: {' and '.join(counts)} taken over from cells"
    return (f"{text} that share them, which pytest-benchmark's seconds lack",)


def _amounts(rounds: Sequence[Round]) -> str:
    """Return the joules, where they are known in all rounds, and the seconds."""
    seconds = recorded_s = joules = recorded_j = 0.0
    known = True
    for one_round in rounds:
        seconds += one_round.own_seconds
        recorded_s += one_round.whole.seconds - one_round.own_seconds
        own, whole = one_round.own_j, one_round.whole.energy.total_j
        if own is None or whole is None:
            known = False
        else:
            joules += own
            recorded_j += whole - own
    measured, recorded = unit(seconds, "s"), unit(recorded_s, "s")
    if known:
        measured = f"{unit(joules, 'J')} in {measured}"
        recorded = f"{unit(recorded_j, 'J')} in {recorded}"
    return f"measured {measured}; recorded before {recorded}"


def listed(entries: Sequence[CacheEntry], folder: object, limit: int) -> list[str]:
    """Return a line for each kept stage, and one for all."""
    lines = []
    width = max(map(len, REUSABLE.values()))
    for entry in entries:
        used = datetime.fromtimestamp(entry.used_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
        name = REUSABLE.get(entry.stage, "unknown")
        size = unit(entry.bytes, "B")
        lines.append(f"{entry.key[:12]}  {name:<{width}}  {size:>8}  last used {used}")
    total = sum(entry.bytes for entry in entries)
    size = f"{unit(total, 'B')} of at most {unit(limit, 'B')}"
    return [*lines, f"{plural(len(entries), 'kept stage')}, {size}, in {folder}"]
