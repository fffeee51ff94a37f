"""What the cells of a run are compared with: the compared run, a variant, or an earlier session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.gates.comparability import NEW
from greenbench.gates.expression import SAVED
from greenbench.gates.metrics import observed
from greenbench.gates.verdict import Verdict, judged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.metrics import Readings
    from greenbench.gates.verdict import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What the cells of a run may be compared with, and which differences are allowed."""

    saved: Mapping[str, Measured] | None = None
    """The cells of the compared run, by id."""
    saved_name: str = ""
    earlier: Callable[[str, Measured], Measured | None] = lambda _name, _cell: None
    """Returns a variant's newest comparable cell of an earlier session, for a cell of this one."""
    expected: Collection[str] = ()
    """Ids of the cells that were selected to run."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Ids of cells of the compared run that this one should have and lacks, and why."""
    allow: Collection[str] = ()
    """Differences that are allowed."""
    sessions: Callable[[str], Sequence[Measured]] = lambda _cell_id: ()
    """Returns a cell, by its id, as all known sessions measured it."""
    in_turns: bool = False
    """Whether ``saved`` was measured in turns with this run: the blocks have what sessions add."""
    same_cells: bool = True
    """Whether ``saved`` has earlier runs of the same cells, most of which should come out alike."""


def is_named(cell: Measured, reference: str | None) -> bool:
    """Whether ``reference`` names this cell.

    That is by its variant's number or name, with the suffix of a swept value if it has one.
    """
    variant = cell.record.variant
    suffix = cell.id.removeprefix(f"{cell.record.task}-{variant}")
    number = variant.partition("_")[0]
    return reference in {f"{variant}{suffix}", f"{number}{suffix}"}


class GateReferences:
    """The cells that a gate compares others with: one of them may stand beside hundreds."""

    def __init__(self, gate: Gate, cells: Mapping[str, Measured], references: References) -> None:
        """Look for the reference of ``gate`` among ``cells`` and in ``references``."""
        self.allow = references.allow
        self._gate, self._cells, self._references = gate, cells, references
        self._observed: dict[int, Readings | float | str] = {}
        self._of_task: dict[str, Measured] = {}
        if gate.reference not in {None, SAVED}:
            for cell in cells.values():
                if is_named(cell, gate.reference):
                    self._of_task.setdefault(cell.record.task, cell)

    def of(self, cell: Measured) -> Measured | Verdict:
        """Return the cell that ``cell`` is compared with, or the verdict if there is none."""
        if self._gate.reference == SAVED:
            return _saved_cell(self._gate, cell, self._cells, self._references)
        other = self._of_task.get(cell.record.task)
        return other or _earlier_cell(self._gate, cell, self._references)

    def observed(self, reference: Measured) -> Readings | float | str:
        """Return the readings or the score of a reference, or why it has neither."""
        place = id(reference)
        if place not in self._observed:
            self._observed[place] = observed(self._gate, reference.record)
        return self._observed[place]


def _saved_cell(
    gate: Gate, cell: Measured, cells: Mapping[str, Measured], references: References
) -> Measured | Verdict:
    saved = references.saved or {}
    if cell.id in saved:
        return saved[cell.id]
    reason = f"{references.saved_name or 'the compared run'} has no {cell.id}: run it there too"
    if saved:
        reason += " (--green-allow new lets new cells pass)"
    # A new cell passes beside others that are compared, and with a value of its own.
    compared = any(name in saved for name in cells)
    if NEW in references.allow and compared and not isinstance(observed(gate, cell.record), str):
        return judged(gate, cell.id, "PASS", f"new, and let pass: {reason}")
    return judged(gate, cell.id, "MISSING", reason)


def _earlier_cell(gate: Gate, cell: Measured, references: References) -> Measured | Verdict:
    name = str(gate.reference)
    task = cell.record.task
    for expected in references.expected:
        if name in _names(expected, task):
            reason = f"{expected} was selected and left no record"
            return judged(gate, cell.id, "MISSING", reason)
    earlier = references.earlier(name, cell)
    if earlier is not None:
        return earlier
    missing = f"{name} is not in this run, and no comparable one in earlier results"
    number, _, suffix = name.partition("-")
    keywords = f"{task} and {number}_" + (f" and {suffix}" if suffix else "")
    command = f'pytest bench -k "{keywords}"'
    return judged(gate, cell.id, "MISSING", f"{missing}: {command}")


def _names(cell_id: str, task: str) -> set[str]:
    """Return what a reference may call a cell of ``task``, as ``is_named`` does; else nothing."""
    label = cell_id.removeprefix(f"{task}-")
    if label == cell_id:
        return set()
    variant, dash, suffix = label.partition("-")
    number = variant.partition("_")[0]
    return {label, f"{number}{dash}{suffix}"}


def display_name(cell: Measured) -> str:
    """Return a cell's id, and its origin if that is another session."""
    return cell.id if cell.origin == "this session" else f"{cell.id} of {cell.origin}"
