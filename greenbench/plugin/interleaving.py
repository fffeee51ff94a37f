"""One item for each round of a cell, in blocks; and one row of pytest-benchmark for all of them.

The item of a cell's first round keeps the cell's id, which saved baselines and command lines name.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import UnavailableError, UsageError
from greenbench.plugin.benchmark_rows import measures
from greenbench.plugin.distribution import is_worker
from greenbench.plugin.selection import cell_of
from greenbench.run.blocks import interleaved

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from greenbench.experiment.settings import Settings
    from greenbench.run.blocks import CellRun
    from greenbench.run.memory import SessionMemory
    from greenbench.types import Cell

CELL_ID: pytest.StashKey[str] = pytest.StashKey()
"""The node id of the item that pytest collected for a cell, kept by the items of its rounds."""


def interleave(session: pytest.Session, settings: Settings) -> None:
    """Give each round of the collected cells an item of its own, in the order of blocks.

    Other tests keep their places among the items of the first block. Nothing changes if no cell has
    several rounds, or if pytest-benchmark does not measure. With ``--green-block`` the items of one
    block are left. Raises UsageError if the cells have no such block.
    """
    items, cells = [], []
    for item in session.items:
        cell = cell_of(item)
        if cell is not None:
            items.append(item)
            cells.append(cell)
    rounds = [cell.most_rounds or cell.rounds for cell in cells]
    if settings.block is not None:
        _refuse_reuse(settings)
        _check_block(settings.block, rounds, settings)
    in_a_row = settings.interleave == "off" or max(rounds, default=1) == 1
    if in_a_row or not measures(session.config):
        return
    order = interleaved(
        list(zip(items, cells, strict=True)), rounds, settings.interleave, settings.seed
    )
    of_rounds = []
    for (item, cell), block in order:
        if settings.block in {None, block + 1}:
            of_rounds.append(_item_of_round(item, replace(cell, block=block)))
    session.items[:] = _in_place(session.items, of_rounds, len(items))


def _refuse_reuse(settings: Settings) -> None:
    """Raise UsageError if trainings are to be taken over into a session of one block."""
    if settings.reuse:
        raise UsageError(
            "--green-reuse: with --green-block each block is a session of its own, whose trainings "
            "are to be measured in it; leave out one of the two"
        )


def _check_block(block: int, rounds: Sequence[int], settings: Settings) -> None:
    """Raise UsageError unless each cell has a round in ``block``, and rounds run in blocks."""
    if settings.resume:
        raise UsageError(
            f"--green-block={block}: a session of one block is not continued; leave out "
            "--green-resume, and run the block again"
        )
    if settings.interleave == "off":
        raise UsageError(
            f"--green-block={block}: with --green-interleave=off rounds run in a row, and there "
            "are no blocks; leave one of the two out"
        )
    if block > min(rounds, default=block):
        raise UsageError(
            f"--green-block={block}: cells have {min(rounds)} rounds, one a block; give a block "
            "from 1 to that, or more with --green-rounds"
        )


def _in_place(
    collected: list[pytest.Item], of_rounds: list[pytest.Item], first_block: int
) -> list[pytest.Item]:
    """Return ``of_rounds``, the first ones in the places of the cells among the ``collected``."""
    firsts = iter(of_rounds[:first_block])
    items = []
    for item in collected:
        items.append(item if cell_of(item) is None else next(firsts))
    return [*items, *of_rounds[first_block:]]


def _item_of_round(item: Any, cell: Cell) -> pytest.Item:
    """Return an item that measures one round of ``cell``, with all that was set on ``item``."""
    call = item.callspec
    params = {**call.params, "cell": cell}
    if not cell.block:
        item.callspec = replace(call, params=params)
        return item  # type: ignore[no-any-return]
    call = replace(call, params=params, _idlist=[*call._idlist, f"round{cell.block + 1}"])  # noqa: SLF001
    of_round = pytest.Function.from_parent(
        item.parent,
        name=f"{item.originalname}[{call.id}]",
        callspec=call,
        callobj=item.obj,
        fixtureinfo=item._fixtureinfo,  # noqa: SLF001
        originalname=item.originalname,
    )
    of_round.own_markers = list(item.own_markers)
    of_round.keywords.update(dict.fromkeys(item.extra_keyword_matches))
    of_round.stash[CELL_ID] = item.nodeid
    return of_round


class RoundItems:
    """The hooks of items that measure one round each."""

    def __init__(self, memory: SessionMemory) -> None:
        """Take what the session remembers of each cell."""
        self._memory = memory

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip the later rounds of a cell of which one failed: it has no result any more."""
        cell = cell_of(item)
        if cell is not None and cell.block:
            with self._memory.opened():
                failure = self._memory.runs.failure(cell)
            if failure:
                pytest.skip(failure)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Report the failure of a round under its cell's id, which ``--lf`` can select.

        pytest-xdist wants a worker's reports under the ids of its items.
        """
        report = yield
        cell = cell_of(item)
        if report.failed and cell is not None:
            with contextlib.suppress(UnavailableError), self._memory.opened():
                self._memory.runs.note_failure(cell)  # else the next test does not begin
            if not is_worker(item.config):
                report.nodeid = item.stash.get(CELL_ID, report.nodeid)
        return report


def share_row(run: CellRun, benchmark: Any, config: pytest.Config) -> None:
    """Let all rounds of a cell share one row of pytest-benchmark, with the newest record.

    The first round's item makes it; later rounds add their seconds to it and give up their own.
    """
    own = benchmark.stats
    if run.row is None or own is run.row:
        run.row = own
        return
    for seconds in own.stats.data:
        run.row.stats.update(seconds)
    run.row.extra_info["greenbench"] = benchmark.extra_info["greenbench"]
    config._benchmarksession.benchmarks.remove(own)  # type: ignore[attr-defined]  # noqa: SLF001
