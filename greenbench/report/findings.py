"""What the comparison of a task shows of each variant: the one place that decides what is a saving.

Answer, caveats and pages say it in words; none of them judges by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.gates.changes import Change, NoChange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.report.comparison import TaskComparison

SAVES = "saves"
COSTS = "costs"
OPEN = "open"
DRIFT = "drift"
PARTIAL = "partial"
CONTROL = "control"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Findings:
    """The variants of a task, each under one word."""

    comparison: TaskComparison
    words: dict[str, str]
    """``SAVES``, ``COSTS``, ``OPEN``, ... of each cell but V0, by id."""

    def of(self, word: str) -> dict[str, Change]:
        """Return the changes of the compared cells under ``word``, by id."""
        changes = {}
        for cell_id, change in self.comparison.energy.items():
            if isinstance(change, Change) and self.words[cell_id] == word:
                changes[cell_id] = change
        return changes

    @property
    def savers(self) -> dict[str, Change]:
        """The variants that save energy, the most first."""
        savers = self.of(SAVES)
        order = sorted(savers, key=lambda name: savers[name].value)
        return {name: savers[name] for name in order}

    @property
    def keepers(self) -> dict[str, Change]:
        """The savers whose score is not shown to be worse, the most first."""
        savers = self.savers
        return {name: savers[name] for name in savers if not loses(self.comparison, name)}

    @property
    def losers(self) -> dict[str, Change]:
        """The savers whose score is shown to be worse, or not compared, the most first."""
        savers = self.savers
        return {name: savers[name] for name in savers if loses(self.comparison, name)}

    @property
    def costly(self) -> dict[str, Change]:
        """The variants that cost energy, the most first."""
        costly = self.of(COSTS)
        order = sorted(costly, key=lambda name: -costly[name].value)
        return {name: costly[name] for name in order}

    @property
    def compared(self) -> dict[str, Change]:
        """All variants whose joules are compared with V0's, without A/A controls."""
        changes = {}
        for cell_id, change in self.comparison.energy.items():
            if isinstance(change, Change) and self.words[cell_id] != CONTROL:
                changes[cell_id] = change
        return changes

    def source_word(self, cell_ids: Iterable[str]) -> str:
        """Return ``estimated``, ``partly simulated``, ... and a space; empty if all is measured.

        It is about the joules of these cells and those of V0.
        """
        chosen = set(cell_ids)
        records = [cell for cell in self.comparison.cells if cell.id in chosen]
        if self.comparison.baseline is not None:
            records.append(self.comparison.baseline)
        kinds = set()
        for record in records:
            for source in record.sources.values():
                kinds.add(source.partition(":")[0])
        labels = [kind for kind in ("estimated", "simulated") if kind in kinds]
        if not labels:
            return ""
        partly = "partly " if kinds - set(labels) else ""
        joined = " and ".join(labels)
        return f"{partly}{joined} "


def findings(comparison: TaskComparison) -> Findings:
    """Sort the variants of a task.

    A variant saves or costs energy if that is significant after correction over the task's
    variants, and differs by more than the machine's own speed changed meanwhile. A cell in which a
    knob did not act as requested saves nothing, since what it measured is another variant; nor does
    any cell beside such a V0.
    """
    words = {}
    for cell_id, change in comparison.energy.items():
        words[cell_id] = _word(comparison, cell_id, change)
    return Findings(comparison, words)


def is_partial(comparison: TaskComparison, cell_id: str) -> bool:
    """Whether a knob of the cell, or of V0, did not act as requested."""
    baseline = comparison.baseline
    if baseline is not None and baseline.status == "partial":
        return True
    return any(cell.id == cell_id and cell.status == "partial" for cell in comparison.cells)


def loses(comparison: TaskComparison, cell_id: str) -> bool:
    """Whether the score of a cell is shown to be worse than V0's, or is not compared."""
    change = comparison.quality.get(cell_id)
    if not isinstance(change, Change):
        return True
    return change.is_lower if comparison.higher_is_better else change.is_higher


def keeps(comparison: TaskComparison, cell_id: str) -> bool:
    """Whether the score of a cell is shown to be worse than V0's by the allowed loss at most."""
    change = comparison.quality.get(cell_id)
    if not isinstance(change, Change):
        return False
    largest = -change.low if comparison.higher_is_better else change.high
    return largest <= comparison.allowed_loss


def _word(comparison: TaskComparison, cell_id: str, change: Change | NoChange) -> str:
    if not isinstance(change, Change):
        return REFUSED
    if comparison.is_control(cell_id):
        return CONTROL
    if change.significant and comparison.is_drift(cell_id):
        return DRIFT
    if change.is_higher:
        return COSTS
    if is_partial(comparison, cell_id):
        return PARTIAL
    return SAVES if change.is_lower else OPEN
