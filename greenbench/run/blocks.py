"""The order of rounds across cells: blocks that have one round of each cell.

Machines drift, and change their state for minutes. The rounds of a block share what the machine did
meanwhile, so cells are compared within blocks; cells whose rounds follow one another differ by it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.run.reference_kernel import KernelRuns
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


@dataclass(slots=True)
class CellRun:
    """What was measured of one cell so far, block by block or in a row."""

    rounds: list[Round] = field(default_factory=list)
    kernels: list[KernelRuns] = field(default_factory=list)
    """The reference kernel around each block's round, or around all rounds in a row."""
    failure: str = ""
    """Which round failed: those after it are not measured."""
    row: Any = None
    """The row of pytest-benchmark that all rounds of the cell share."""


class CellRuns:
    """The cells of a session by id, and the order in which their rounds ran."""

    def __init__(self) -> None:
        """Begin without any."""
        self._runs: dict[str, CellRun] = {}
        self._position = 0

    def begin(self, cell: Cell) -> CellRun:
        """Return what was measured of ``cell`` in the blocks before this one.

        An earlier attempt at the same block is forgotten.
        """
        earlier = self.so_far(cell) if cell.block else CellRun()
        kept = len([one for one in earlier.rounds if one.block != cell.block])
        run = CellRun(earlier.rounds[:kept], earlier.kernels[:kept], row=earlier.row)
        self._runs[cell.id] = run
        return run

    def take_over(self, cell: str, rounds: Sequence[Round], kernels: Sequence[KernelRuns]) -> None:
        """Begin after ``rounds``, which another session measured of the cell with this id."""
        self._runs[cell] = CellRun(list(rounds), list(kernels))
        for one_round in rounds:
            if one_round.position is not None:
                self._position = max(self._position, one_round.position + 1)

    def so_far(self, cell: Cell) -> CellRun:
        """Return what was measured of ``cell``; an empty run before its first round."""
        return self._runs.get(cell.id, CellRun())

    def note_failure(self, cell: Cell) -> None:
        """Remember that the test of this round failed."""
        run = self._runs.setdefault(cell.id, CellRun())
        run.failure = f"round {(cell.block or 0) + 1} of {cell.id} failed"

    def placed(self, rounds: Sequence[Round], cell: Cell) -> list[Round]:
        """Return rounds of ``cell`` with their block and their place in the session's order."""
        if cell.block is None:
            return list(rounds)
        placed = []
        for one_round in rounds:
            placed.append(replace(one_round, block=cell.block, position=self._position))
            self._position += 1
        return placed
