"""Which worker runs which test: dealt out in the order of the session, or a block to each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer

from greenbench.plugin.order import InOrder, OwnBlocks

if TYPE_CHECKING:
    from collections.abc import Collection

Scheduler = InOrder | OwnBlocks


class Node:
    """A worker that remembers what it was sent."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.sent: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        """Take tests."""
        self.sent += indices

    def shutdown(self) -> None:
        """Get no more tests."""
        self.shutting_down = True


def begun(
    kind: type[Scheduler], workers: int, tests: list[str], left_out: Collection[str] = ()
) -> tuple[Scheduler, list[Node]]:
    """Return a scheduler that has dealt out the first tests, and its workers."""
    options = {"maxschedchunk": None, "tx": ["popen"] * workers}
    config = SimpleNamespace(
        getoption=options.get,
        getvalue=options.get,
        option=SimpleNamespace(loadscopereorder=True),
        hook=None,
    )
    scheduler = kind(config, Producer("test", enabled=False), left_out)
    nodes = [Node(f"gw{number}") for number in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, tests)
    scheduler.schedule()
    return scheduler, nodes


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("tests", [1, 5, 8, 9, 30])
def test_tests_that_end_in_turn_are_run_in_the_order_of_the_session(
    workers: int, tests: int
) -> None:
    """If of those that are next in each worker the lowest one always goes first."""
    scheduler, nodes = begun(InOrder, workers, [f"t{number}" for number in range(tests)])
    ran = []
    while not scheduler.tests_finished or any(scheduler.node2pending.values()):
        node = min(
            (node for node in nodes if scheduler.node2pending[node]),
            key=lambda node: scheduler.node2pending[node][0],
        )
        ran.append(scheduler.node2pending[node][0])
        scheduler.mark_test_complete(node, ran[-1], duration=5)
    assert ran == list(range(tests))


def test_what_a_killed_worker_had_before_it_runs_next() -> None:
    """Only what it was running is lost."""
    scheduler, (first, second) = begun(InOrder, 2, [f"t{number}" for number in range(9)])
    assert (first.sent, second.sent) == ([0, 2], [1, 3])
    assert scheduler.remove_node(first) == "t0"
    scheduler.mark_test_complete(second, 1)
    assert second.sent == [1, 3, 2]


@pytest.mark.parametrize("left", [0, 1, 2, 3, 5])
def test_tests_that_are_left_out_are_given_to_nobody(left: int) -> None:
    """Every worker runs or ends: none waits for a test that does not come."""
    tests = [f"t{number}" for number in range(9)]
    scheduler, nodes = begun(InOrder, 2, tests, tests[left:])
    while not scheduler.tests_finished or any(scheduler.node2pending.values()):
        node = next(node for node in nodes if scheduler.node2pending[node])
        scheduler.mark_test_complete(node, scheduler.node2pending[node][0])
    assert sorted(number for node in nodes for number in node.sent) == list(range(left))
    assert all(node.shutting_down for node in nodes)


BLOCKS = [
    *("a[V0]", "a[V1]", "b[V0]"),
    *("a[V1-round2]", "a[V0-round2]", "b[V0-round2]"),
    *("a[V0-round3]", "a[V1-round3]", "b[V0-round3]"),
]


def test_a_worker_with_a_gpu_of_its_own_runs_whole_blocks() -> None:
    """So cells that are compared ran on one card."""
    scheduler, (first, second) = begun(OwnBlocks, 2, BLOCKS)
    assert (first.sent, second.sent) == ([0, 1, 2], [3, 4, 5])
    for index in (3, 4):
        scheduler.mark_test_complete(second, index)
    assert second.sent == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(("left", "sent"), [(9, []), (7, [7, 8]), (3, [3, 4, 5, 6, 7, 8])])
def test_blocks_that_are_left_out_are_given_to_nobody(left: int, sent: list[int]) -> None:
    """A worker ends after what it has, if it has anything."""
    _, nodes = begun(OwnBlocks, 3, BLOCKS, BLOCKS[:left])
    assert sorted(number for node in nodes for number in node.sent) == sent
    assert all(node.shutting_down for node in nodes)


def test_a_test_that_killed_its_worker_is_not_run_again() -> None:
    """The rest of its block is, by another one."""
    scheduler, (first, second) = begun(OwnBlocks, 2, BLOCKS[:6])
    scheduler.mark_test_complete(first, 0)
    assert scheduler.remove_node(first) == "a[V1]"
    clone = Node("gw2")
    second.shutting_down = True
    scheduler.add_node(clone)
    scheduler.add_node_collection(clone, BLOCKS[:6])
    scheduler.schedule()
    assert 2 in second.sent + clone.sent
    assert 1 not in second.sent + clone.sent
