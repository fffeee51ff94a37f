"""Continues a session that died, as pytest sees it: no item for what is taken over, but its row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_benchmark.fixture import BenchmarkFixture

from greenbench.plugin.selection import cell_of
from greenbench.run.resume import resume

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from greenbench.plugin.attempts import Attempts
    from greenbench.report.summary import Summary
    from greenbench.results.record import Json
    from greenbench.run.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenItems:
    """What a session need not run, as one that died has measured it."""

    text: str = ""
    """For the reader: from which session, and how much; empty unless that is asked for."""
    left_out: frozenset[str] = frozenset()
    """Node ids of the items that are not run."""
    rows: Mapping[str, Any] = field(default_factory=dict)
    """The rows of pytest-benchmark of cells with rounds that were taken over, by node id."""


def take_over(
    session: pytest.Session, measured: Session, attempts: Attempts, summary: Summary
) -> TakenItems:
    """Leave out the items whose rounds a session that died has measured, and keep its records.

    Raises UsageError if it cannot be continued.
    """
    taken = resume(measured)
    measured.messages.say(taken.text)
    summary.problems += taken.problems
    records = {}
    for record in taken.records:
        attempts.take_over(record)
        if record["status"] != "failed":  # pytest-benchmark has no row for a round that failed
            records[record["id"]] = record
    items, left_out, rows = [], set(), {}
    for item in session.items:
        cell = cell_of(item)
        if cell is not None and not cell.block and cell.id in records:
            row = rows[item.nodeid] = _added_row(item, records[cell.id])
            measured.memory.runs.so_far(cell).row = row
        if cell is not None and taken.has(cell):
            left_out.add(item.nodeid)
        else:
            items.append(item)
    session.items[:] = items
    return TakenItems(text=taken.text, left_out=frozenset(left_out), rows=rows)


def _added_row(item: pytest.Item, record: Json) -> Any:
    """Give pytest-benchmark the row of a cell, with the seconds that its record has; return it."""
    session: Any = item.config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001
    fixture = BenchmarkFixture(
        item,
        add_stats=session.benchmarks.append,
        logger=session.logger,
        warner=item.warn,
        disabled=session.disabled,
        **session.options,
    )
    # As a call of pedantic() makes it.
    row: Any = fixture._make_stats(1)  # noqa: SLF001
    for one_round in record["rounds"]:
        row.stats.update(one_round["seconds"])
    row.extra_info["greenbench"] = record
    return row
