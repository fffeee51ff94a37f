"""Trainings that were not repeated: what a session took over, and what the cache keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greenbench.report.cost import plural
from greenbench.report.numbers import unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.results.reading import CellRecord
    from greenbench.reuse.store import CacheEntry
    from greenbench.types import Window


def notes(records: Sequence[CellRecord]) -> tuple[str, ...]:
    """Say what was measured in the rounds of a session, and what is recorded from before.

    Empty if everything was measured.
    """
    rounds = [one_round for record in records for one_round in record.rounds]
    recorded = [window for one_round in rounds for window in one_round.reused]
    if not recorded:
        return ()
    measured = _amount([one_round.whole for one_round in rounds], recorded)
    taken_over = f"{plural(len(recorded), 'training')} taken over from cells that train alike"
    text = f"measured {measured}; recorded before {_amount(recorded)}: {taken_over}"
    return (f"{text}, which pytest-benchmark's seconds lack",)


def _amount(windows: Sequence[Window], without: Iterable[Window] = ()) -> str:
    """Return the joules, where they are known in all windows, and the seconds."""
    joules, seconds, known = 0.0, 0.0, True
    for sign, group in ((1, windows), (-1, without)):
        for window in group:
            total = window.energy.total_j
            known = known and total is not None
            joules += sign * (total or 0.0)
            seconds += sign * window.seconds
    return f"{unit(joules, 'J')} in {unit(seconds, 's')}" if known else unit(seconds, "s")


def listed(entries: Sequence[CacheEntry], folder: object, limit: int) -> list[str]:
    """Return a line for each kept training, and one for all."""
    lines = []
    for entry in entries:
        used = datetime.fromtimestamp(entry.used_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
        lines.append(f"{entry.key[:12]}  {unit(entry.bytes, 'B'):>8}  last used {used}")
    total = sum(entry.bytes for entry in entries)
    size = f"{unit(total, 'B')} of at most {unit(limit, 'B')}"
    return [*lines, f"{plural(len(entries), 'training')}, {size}, in {folder}"]
