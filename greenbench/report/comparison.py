"""What the report compares: each task's cells with V0, in energy, time and its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from greenbench.analysis.tolerance import allowed_loss, is_share
from greenbench.gates.changes import Change, NoChange, changes
from greenbench.gates.default_limits import LOSS
from greenbench.results.reading import (
    higher_is_better,
    is_baseline,
    is_control,
    primary_score,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord


class KernelNoise(NamedTuple):
    """A reference kernel, and the change of its rate from which on it is more than its noise."""

    kernel: str
    rate: str
    noise: float


KERNELS = (
    KernelNoise("reference kernel", "operations_per_second", 1.05),
    KernelNoise("memory kernel", "bytes_per_second", 1.2),
)


class MachineChange(NamedTuple):
    """How much a machine changed: 1.2 for 20 %, 1 for nothing; and the kernel that shows it."""

    ratio: float = 1.0
    kernel: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """The cells of one task beside V0; every mapping is keyed by cell id and lacks V0 itself."""

    task: str
    score: str
    """The score that is shown, ``mcc``."""
    cells: tuple[CellRecord, ...]
    energy: Mapping[str, Change | NoChange]
    time: Mapping[str, Change | NoChange]
    quality: Mapping[str, Change | NoChange]
    baseline: CellRecord | None
    """V0's cell, of this session or an earlier one; None if there is none."""

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the score is better."""
        return higher_is_better(self.score, self.cells)

    @property
    def allowed_loss(self) -> float:
        """How much worse than V0's a score may be and still count as kept."""
        v0 = None if self.baseline is None else self.baseline.score(self.score)
        return allowed_loss(self.score, v0)

    @property
    def tolerance(self) -> str:
        """The allowed loss in words: ``0.02``, or ``0.103 (2 % of V0's)`` of an error."""
        v0 = None if self.baseline is None else self.baseline.score(self.score)
        share = f" ({100 * LOSS:g} % of V0's)" if v0 and is_share(self.score) else ""
        return f"{self.allowed_loss:.3g}{share}"

    def is_control(self, cell_id: str) -> bool:
        """Whether a cell is V0 again, an A/A control."""
        return any(cell.id == cell_id and is_control(cell) for cell in self.cells)

    def machine_change(self, cell_id: str) -> MachineChange:
        """Return how much the machine changed around a cell and V0.

        It is the largest rate of a reference kernel before and after both, over the smallest, for
        the kernel that changed more. Less than its noise counts as nothing, as does any change
        of cells that ran in blocks: it struck V0 too.
        """
        cells = [cell for cell in self.cells if cell.id == cell_id]
        if self.baseline is not None:
            cells.append(self.baseline)
        if all(map(_ran_in_blocks, cells)):
            return MachineChange()
        largest = MachineChange()
        for kernel, name, noise in KERNELS:
            rates: list[float] = []
            for cell in cells:
                rates += cell.kernel_rates(name)
            change = max(rates) / min(rates) if rates else 1.0
            if change >= noise:
                largest = max(largest, MachineChange(change, kernel))
        return largest

    def is_drift(self, cell_id: str) -> bool:
        """Whether the machine changed by more than a cell's energy differs from V0's."""
        change = self.energy.get(cell_id)
        if not isinstance(change, Change):
            return False
        machine = self.machine_change(cell_id).ratio
        return machine > 1 and 1 / machine <= change.value <= machine


def compare(
    cells: Sequence[Measured],
    earlier: Sequence[Measured] = (),
    allow: Collection[str] = (),
    sessions: Mapping[str, Sequence[Measured]] | None = None,
) -> list[TaskComparison]:
    """Return the comparison of each task that has cells.

    ``earlier`` holds V0 of earlier sessions, ``allow`` differences to compare in spite of, and
    ``sessions`` the cells of earlier sessions by id, which show how sessions differ.
    """
    by_task: dict[str, list[Measured]] = {}
    for cell in cells:
        if cell.record.task:
            by_task.setdefault(cell.record.task, []).append(cell)
    comparisons = []
    for task, of_task in by_task.items():
        comparisons.append(_compared(task, of_task, _of_task(task, earlier), allow, sessions or {}))
    return comparisons


def _of_task(task: str, cells: Sequence[Measured]) -> Measured | None:
    for cell in cells:
        if cell.record.task == task:
            return cell
    return None


def _compared(
    task: str,
    cells: Sequence[Measured],
    earlier: Measured | None,
    allow: Collection[str],
    sessions: Mapping[str, Sequence[Measured]],
) -> TaskComparison:
    records = tuple(cell.record for cell in cells)
    baseline = _baseline(records)
    if baseline is None and earlier is not None:
        baseline = earlier.record
    score = primary_score(records)
    return TaskComparison(
        task=task,
        score=score,
        cells=records,
        energy=changes("energy", task, cells, earlier, allow, sessions),
        time=changes("time", task, cells, earlier, allow, sessions),
        quality=changes(score, task, cells, earlier, allow),
        baseline=baseline,
    )


def _ran_in_blocks(cell: CellRecord) -> bool:
    """Whether each of a cell's rounds ran beside one round of every other cell."""
    blocks = [one_round.block for one_round in cell.rounds]
    return bool(blocks) and None not in blocks


def _baseline(records: Sequence[CellRecord]) -> CellRecord | None:
    for record in records:
        if is_baseline(record.variant):
            return record
    return None
