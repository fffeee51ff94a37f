"""Ends a session with what is settled: after each block the items of settled cells are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.plugin.selection import cell_of
from greenbench.run.until_sure import check_controls, planned_looks

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from greenbench.plugin.suite import Suite
    from greenbench.stats.looks import Looks
    from greenbench.types import Cell


def look_at_blocks(config: pytest.Config, suite: Suite, cells: Sequence[Cell]) -> None:
    """Let a session of these cells end with what is settled, if that is asked for.

    Raises UsageError if there is nothing to compare the cells with.
    """
    settings = suite.session.settings
    looks = planned_looks(settings)
    if looks is not None:
        check_controls(cells, settings.gate)
        config.pluginmanager.register(UntilSure(suite, looks))


class UntilSure:
    """The hooks of a session that looks at its blocks. Its items are those of the most blocks."""

    def __init__(self, suite: Suite, looks: Looks) -> None:
        """Look at nothing yet."""
        self._suite = suite
        self._looks = looks

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """After the last item of a block, leave out later ones of cells that need no more rounds.

        The record of a round is kept by then. pytest tore down for the item that was next before.
        """
        try:
            return (yield)
        finally:
            if self._ends_block(item):
                self._leave_out(item)

    def _ends_block(self, item: pytest.Item) -> bool:
        cell = cell_of(item)
        if cell is None or cell.block is None or cell.block + 1 < self._looks.first:
            return False
        for later in _after(item):
            other = cell_of(later)
            if other is not None and other.block == cell.block:
                return False
        return True

    def _leave_out(self, item: pytest.Item) -> None:
        session, later = item.session, _after(item)
        if not later:
            return
        going_on = self._suite.judgement.going_on()
        kept = []
        for other in later:
            cell = cell_of(other)
            if cell is None or cell.id in going_on:
                kept.append(other)
        session.items[-len(later) :] = kept  # pytest's loop goes through this very list
        session.testscollected = len(session.items)
        self._suite.progress.schedule.leave_out(going_on)
        session._setupstate.teardown_exact(kept[0] if kept else None)  # noqa: SLF001


def _after(item: pytest.Item) -> list[pytest.Item]:
    """Return the items that come after this one."""
    return item.session.items[item.session.items.index(item) + 1 :]
