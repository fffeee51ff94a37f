"""Which worker runs which test: in the order of the session, or each block in a worker of its own.

Cells are compared within blocks. So these keep together in time, or on one GPU.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling, LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pytest
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

ROUND = re.compile(r"-round(\d+)\]$")
"""How the ids of a cell's later rounds end."""
AHEAD = 2
"""Tests that a worker has to have: the one that runs, and the next one, for which it tears down."""


class InOrder(LoadScheduling):  # type: ignore[misc]  # its package has no types
    """Deals tests out in turn, so that workers that take turns run them in their order."""

    collection: list[str] | None

    def __init__(self, config: pytest.Config, log: Producer, left_out: Collection[str]) -> None:
        """Wait for the workers' collections; tests that are ``left_out`` do not run."""
        super().__init__(config, log)
        self.maxschedchunk = 1
        self._left_out = left_out

    def schedule(self) -> None:
        """Deal out the first tests, once the workers have collected all of them."""
        if self.collection is not None:
            super().schedule()
            return
        if not self._check_nodes_have_same_collection():
            return
        collected: list[str] = next(iter(self.node2collection.values()))
        self.collection = collected
        for number, test in enumerate(collected):
            if test not in self._left_out:
                self.pending.append(number)
        self._send_first_tests()
        if not self.pending:
            for node in self.nodes:
                node.shutdown()

    def _send_first_tests(self) -> None:
        if len(self.pending) >= AHEAD * len(self.nodes):
            for node in self.nodes:
                self._send_tests(node, AHEAD)
        else:
            nodes = itertools.cycle(self.nodes)
            while self.pending:
                self._send_tests(next(nodes), 1)

    def _send_tests(self, node: WorkerController, num: int) -> None:
        """Send tests; the first two of a worker are as far apart as there are workers."""
        idle = sum(not waiting for waiting in self.node2pending.values())
        if num == AHEAD and not self.node2pending[node] and idle < len(self.pending):
            self.pending.insert(1, self.pending.pop(idle))
        super()._send_tests(node, num)

    def remove_node(self, node: WorkerController) -> str | None:
        """Put what a killed worker still had before it back into its place for the others."""
        waiting = self.node2pending[node][1:]
        del self.node2pending[node][1:]
        self.pending[:] = sorted([*self.pending, *waiting])
        crashed: str | None = super().remove_node(node)
        return crashed


class OwnBlocks(LoadScopeScheduling):  # type: ignore[misc]  # its package has no types
    """Gives the tests of a block to one worker, which has a GPU of its own.

    So the cells of a block run on the same card, and differences between cards cancel.
    """

    collection: list[str] | None

    def __init__(self, config: pytest.Config, log: Producer, left_out: Collection[str]) -> None:
        """Wait for the workers' collections; tests that are ``left_out`` do not run."""
        super().__init__(config, log)
        self._left_out = left_out

    def schedule(self) -> None:
        """Give each worker a block, and the next one, once they have collected all tests."""
        if self.collection is not None:
            super().schedule()
            return
        if not self._check_nodes_have_same_collection():
            return
        collected: list[str] = next(iter(self.registered_collections.values()))
        self.collection = collected
        for test in collected:
            if test not in self._left_out:
                self.workqueue.setdefault(self._split_scope(test), {})[test] = False
        for node in self.nodes[len(self.workqueue) :]:
            del self.assigned_work[node]
            node.shutdown()
        for node in self.nodes:
            self._assign_work_unit(node)
        for node in self.nodes:
            self._reschedule(node)

    def _split_scope(self, nodeid: str) -> str:
        later = ROUND.search(nodeid)
        return later[1] if later else "1"

    def remove_node(self, node: WorkerController) -> str | None:
        """Return what a killed worker was running, and let others run the rest of its blocks.

        xdist would run the test again that killed the worker.
        """
        blocks = self.assigned_work.pop(node)
        for tests in blocks.values():
            for test, done in tests.items():
                if not done:
                    tests[test] = True
                    self._give_away(blocks)
                    return str(test)
        return None

    def _give_away(self, blocks: Mapping[str, dict[str, bool]]) -> None:
        for number, tests in blocks.items():
            if not all(tests.values()):
                self.workqueue[number] = tests
        for node in self.assigned_work:
            self._reschedule(node)
