"""The order of rounds across cells: blocks that have one round of each cell.

Machines drift, and change their state for minutes. The rounds of a block share what the machine did
meanwhile, so cells are compared within blocks; cells whose rounds follow one another differ by it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from greenbench.run.reference_kernel import KernelRuns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import Cell, Round

Entry = TypeVar("Entry")


def interleaved(
    entries: Sequence[Entry], rounds: Sequence[int], order: str, seed: int
) -> list[tuple[Entry, int]]:
    """Return every entry once for each of its ``rounds``, beside the number of its block.

    ``order`` is ``blocks`` (every second block runs backwards, so that a linear drift strikes all
    entries alike), ``random`` (drawn for each block from ``seed``) or ``fixed`` (as given).
    """
    sequence = []
    for block in range(max(rounds, default=0)):
        of_block = [e for e, count in zip(entries, rounds, strict=True) if block < count]
        if order == "blocks" and block % 2:
            of_block.reverse()
        elif order == "random":
            random.Random(f"{seed}/{block}").shuffle(of_block)
        sequence += [(entry, block) for entry in of_block]
    return sequence


class BlockRun(NamedTuple):
    """What was measured of one cell in one block, or in a row."""

    rounds: tuple[Round, ...]
    kernel: KernelRuns
    """The reference kernel around them."""


@dataclass(slots=True)
class CellRun:
    """What was measured of one cell so far."""

    blocks: dict[int, BlockRun] = field(default_factory=dict)
    """By number; workers may end them in another order."""
    failed: frozenset[int] = frozenset()
    """Numbers of blocks whose round failed: the others are not measured any more."""
    row: Any = None
    """The row of pytest-benchmark that all rounds of the cell share."""

    @property
    def rounds(self) -> list[Round]:
        """All rounds, block by block."""
        rounds: list[Round] = []
        for number in sorted(self.blocks):
            rounds += self.blocks[number].rounds
        return rounds

    @property
    def kernels(self) -> list[KernelRuns]:
        """The reference kernel's runs, block by block."""
        return [self.blocks[number].kernel for number in sorted(self.blocks)]


class CellRuns:
    """The cells of a session by id, and the order in which their rounds ran."""

    def __init__(self) -> None:
        """Begin without any."""
        self._runs: dict[str, CellRun] = {}
        self._position = 0

    def add(self, cell: Cell, rounds: Sequence[Round], kernel: KernelRuns) -> CellRun:
        """Add what was measured of ``cell`` in its block, and return all of it.

        An earlier attempt at the same block is forgotten.
        """
        earlier = self.so_far(cell)
        row = earlier.row if cell.block else None
        number = cell.block or 0
        run = CellRun(dict(earlier.blocks), failed=earlier.failed - {number}, row=row)
        run.blocks[number] = BlockRun(tuple(self._placed(rounds, cell)), kernel)
        self._runs[cell.id] = run
        return run

    def take_over(self, cell: str, rounds: Sequence[Round], kernels: Sequence[KernelRuns]) -> None:
        """Begin after ``rounds``, which another session measured of the cell with this id."""
        run = self._runs[cell] = CellRun()
        for number, one_round in enumerate(rounds):
            kernel = kernels[number] if number < len(kernels) else KernelRuns()
            if one_round.block is None:  # they ran in a row, with one kernel around all of them
                run.blocks[0] = BlockRun(tuple(rounds), kernels[0] if kernels else KernelRuns())
            else:
                run.blocks[one_round.block] = BlockRun((one_round,), kernel)
            if one_round.position is not None:
                self._position = max(self._position, one_round.position + 1)

    def so_far(self, cell: Cell) -> CellRun:
        """Return what was measured of ``cell``; an empty run before its first round."""
        return self._runs.get(cell.id, CellRun())

    def note_failure(self, cell: Cell) -> None:
        """Remember that the test of this round failed."""
        run = self._runs.setdefault(cell.id, CellRun())
        run.failed |= {cell.block or 0}

    def failure(self, cell: Cell) -> str:
        """Say which round of ``cell`` failed; an empty text if none did."""
        failed = self.so_far(cell).failed
        return f"round {min(failed) + 1} of {cell.id} failed" if failed else ""

    def _placed(self, rounds: Sequence[Round], cell: Cell) -> list[Round]:
        """Return rounds of ``cell`` with their block and their place in the session's order."""
        if cell.block is None:
            return list(rounds)
        placed = []
        for one_round in rounds:
            placed.append(replace(one_round, block=cell.block, position=self._position))
            self._position += 1
        return placed
