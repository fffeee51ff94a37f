"""What a session remembers is one thing for all its processes, and outlives each of them."""

from __future__ import annotations

import resource
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UnavailableError
from greenbench.options import Options
from greenbench.run.memory import MemoryFile, SessionMemory
from greenbench.run.reference_kernel import KernelRuns
from greenbench.types import Cell, Energy, Round, Window

if TYPE_CHECKING:
    from pathlib import Path

CELL = Cell(task="T2", variant="V0", options=Options(), profile="tiny", seed=0, rounds=3, block=0)


def worker(folder: Path, region: str = "machine") -> SessionMemory:
    """Return the memory of a process that has just joined."""
    return SessionMemory(file=MemoryFile(folder), region=region)


def a_round(seed: int) -> Round:
    """Return a round that was measured."""
    return Round(seed=seed, whole=Window(stage="whole", seconds=1.0, energy=Energy()), windows=())


def add(memory: SessionMemory, block: int) -> list[tuple[int, int | None, int | None]]:
    """Add the round of a block, and return seed, block and position of all of the cell's rounds."""
    with memory.opened():
        run = memory.runs.add(replace(CELL, block=block), [a_round(block)], KernelRuns())
        return [(one.seed, one.block, one.position) for one in run.rounds]


@pytest.mark.parametrize("shared", [True, False])
def test_rounds_are_kept_by_block_and_placed_in_their_order(
    tmp_path: Path,
    shared: bool,  # noqa: FBT001
) -> None:
    """In one process or in several, in whatever order they end."""
    alone = SessionMemory()
    memories = [worker(tmp_path) if shared else alone for _ in range(3)]
    assert add(memories[0], 1) == [(1, 1, 0)]
    assert add(memories[1], 0) == [(0, 0, 1), (1, 1, 0)]
    assert add(memories[2], 2) == [(0, 0, 1), (1, 1, 0), (2, 2, 2)]


def test_a_block_that_is_measured_again_replaces_itself(tmp_path: Path) -> None:
    """And its failure is forgotten, not that of another block."""
    memory = worker(tmp_path)
    for block in (0, 1):
        add(memory, block)
        with memory.opened():
            memory.runs.note_failure(replace(CELL, block=block))
    assert add(worker(tmp_path), 1) == [(0, 0, 0), (1, 1, 2)]
    with memory.opened():
        assert memory.runs.failure(CELL) == "round 1 of T2-V0 failed"


def test_what_was_not_finished_is_not_kept(tmp_path: Path) -> None:
    """A process that fails within a change leaves what was there."""
    memory = worker(tmp_path)
    add(memory, 0)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(memory)
    assert add(worker(tmp_path), 2) == [(0, 0, 0), (2, 2, 1)]


def _interrupted(memory: SessionMemory) -> None:
    with memory.opened():
        memory.runs.add(replace(CELL, block=1), [a_round(1)], KernelRuns())
        raise KeyboardInterrupt


def test_workers_in_turn_share_the_reference_kernel(tmp_path: Path) -> None:
    """Of the machine, and each GPU has its own."""
    first = worker(tmp_path)
    kernel = first.kernel
    kernel._first = {"operations_per_second": 5.0}  # as if it had run
    with first.opened():
        pass
    second, third = worker(tmp_path), worker(tmp_path, region="GPU-1")
    for memory in (second, third):
        memory.catch_up()
    assert second.kernel._first == {"operations_per_second": 5.0}
    assert third.kernel._first == {}


def test_a_full_disk_is_one_sentence_and_leaves_the_memory_before(tmp_path: Path) -> None:
    """A test that cannot keep its round fails; what was kept is whole."""
    add(worker(tmp_path), 0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(
            UnavailableError, match=r"could not be written \(File too large\); free"
        ):
            add(worker(tmp_path), 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [seed for seed, _, _ in add(worker(tmp_path), 2)] == [0, 2]
