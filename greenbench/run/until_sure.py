"""``--green-until-sure``: which cells go on after each block, until all are settled.

With gates a cell goes on while a gate on it is inconclusive and more rounds may settle that.
Without, it goes on until its energy (or its time, where no joules are known) is shown to differ
from V0's after Holm's correction, as the answer at the session's end says it. Cells that others are
compared with go on beside them, V0 first of all: so each block has a control.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.profiles import profile
from greenbench.gates.changes import Change, changes
from greenbench.gates.expression import SAVED
from greenbench.gates.judging import judge
from greenbench.gates.references import is_named
from greenbench.gates.sequential import Standing
from greenbench.results.reading import BASELINE, NO_JOULES, is_baseline
from greenbench.stats.looks import FEWEST_BLOCKS, Looks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.experiment.settings import Settings
    from greenbench.gates.expression import Gate
    from greenbench.gates.references import References
    from greenbench.gates.verdict import Measured
    from greenbench.types import Cell


def planned_looks(settings: Settings) -> Looks | None:
    """Return when a session looks at its blocks; None if it measures a fixed number of them.

    A single block (``--green-block``) is not looked at. Raises UsageError for options that
    contradict each other.
    """
    most = settings.until_sure
    if most is None or settings.block is not None:
        return None
    option = f"--green-until-sure={most}"
    if settings.interleave == "off":
        raise UsageError(
            f"{option}: it adds blocks, and with --green-interleave=off there are none; leave one "
            "of the two out"
        )
    if settings.resume:
        raise UsageError(
            f"{option}: a session that looks at its results is not continued; leave out "
            "--green-resume, and measure anew"
        )
    first = settings.rounds
    if first is None:
        first = max(profile(settings.profile).rounds, FEWEST_BLOCKS)
    if first < FEWEST_BLOCKS:
        raise UsageError(
            f"{option}: the first look is after --green-rounds={first} blocks, and it takes at "
            f"least {FEWEST_BLOCKS}; give --green-rounds {FEWEST_BLOCKS} or more, or leave it out"
        )
    if most < first:
        raise UsageError(
            f"{option}: a cell has at least {first} rounds (--green-rounds, or the profile's); "
            "give that many or more"
        )
    return Looks(first=first, most=most)


def check_controls(cells: Sequence[Cell], gates: Sequence[Gate]) -> None:
    """Raise UsageError if there is neither a gate nor V0 to compare the cells of a task with."""
    if gates:
        return
    with_v0 = {cell.task for cell in cells if is_baseline(cell.variant)}
    for cell in cells:
        if cell.task not in with_v0:
            raise UsageError(
                "--green-until-sure: without gates a cell goes on until its energy is shown to "
                f"differ from V0's, and V0 of {cell.task} is not selected; select it too, or give "
                "--green-gate"
            )


class OpenCells:
    """Finds the cells of a session that are not settled yet."""

    def __init__(self, gates: Sequence[Gate], allow: Collection[str]) -> None:
        """Look at nothing yet."""
        self._gates = gates
        self._allow = allow
        self._standing = {gate.text: Standing() for gate in gates}

    def look(self, cells: Mapping[str, Measured], references: References) -> dict[str, set[str]]:
        """Return the cells that are open, each with those that it is compared with."""
        if not self._gates:
            return self._unlike_v0(cells)
        controls: dict[str, set[str]] = {}
        for gate in self._gates:
            for verdict in judge(gate, cells, references, self._standing[gate.text]):
                if verdict.is_open:
                    names = controls.setdefault(verdict.cell, set())
                    names |= _controls(gate, cells[verdict.cell], cells)
        return controls

    def _unlike_v0(self, cells: Mapping[str, Measured]) -> dict[str, set[str]]:
        controls = {}
        for task in dict.fromkeys(cell.record.task for cell in cells.values()):
            of_task = [cell for cell in cells.values() if cell.record.task == task]
            has_joules = any(cell.record.scope != NO_JOULES for cell in of_task)
            metric = "energy" if has_joules else "time"
            for name, change in changes(metric, task, of_task, allow=self._allow).items():
                if isinstance(change, Change) and not change.significant:
                    controls[name] = _named(BASELINE, cells[name], cells)
        return controls


def _controls(gate: Gate, cell: Measured, cells: Mapping[str, Measured]) -> set[str]:
    """Return the cells of this session that a gate compares a cell with; with a saved run, V0."""
    if gate.reference is None:
        return set()
    reference = BASELINE if gate.reference == SAVED else gate.reference
    return _named(reference, cell, cells)


def _named(reference: str, cell: Measured, cells: Mapping[str, Measured]) -> set[str]:
    task = cell.record.task
    names = set()
    for name, other in cells.items():
        if other.record.task == task and is_named(other, reference):
            names.add(name)
    return names
