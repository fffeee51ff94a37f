"""Continues a session that died, as pytest sees it: no item for what is taken over, but its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_benchmark.fixture import BenchmarkFixture

from greenbench.plugin.selection import cell_of
from greenbench.run.resume import resume

if TYPE_CHECKING:
    import pytest

    from greenbench.plugin.suite import Suite
    from greenbench.results.record import Json


def take_over(session: pytest.Session, suite: Suite) -> None:
    """Leave out the items whose rounds a session that died has measured, and keep its records.

    Raises UsageError if it cannot be continued.
    """
    taken = resume(suite.session)
    suite.session.messages.say(taken.text)
    suite.taken_over = taken.text
    suite.summary.problems += taken.problems
    rows = {}
    for record in taken.records:
        suite.attempts.take_over(record)
        if record["status"] != "failed":  # pytest-benchmark has no row for a round that failed
            rows[record["id"]] = record
    items = []
    for item in session.items:
        cell = cell_of(item)
        if cell is not None and not cell.block and cell.id in rows:
            _add_row(item, rows[cell.id], suite)
        if cell is None or not taken.has(cell):
            items.append(item)
    session.items[:] = items


def _add_row(item: pytest.Item, record: Json, suite: Suite) -> None:
    """Give pytest-benchmark the row of a cell, with the seconds that its record has."""
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
    cell = cell_of(item)
    if cell is not None:
        suite.session.memory.runs.so_far(cell).row = row
