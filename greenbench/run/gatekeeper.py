"""The gates of a session: references resolved before the first cell, verdicts at the end."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench.errors import UsageError
from greenbench.experiment.cells import cells_of
from greenbench.experiment.task_knobs import variants_of
from greenbench.gates import runs
from greenbench.gates.expression import SAVED
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.gates.verdict import Measured, any_fails
from greenbench.results import loading
from greenbench.results.fields import Fields
from greenbench.results.reading import BASELINE, RunHeader, is_baseline
from greenbench.run import saved_run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from greenbench.experiment.settings import Settings
    from greenbench.gates.expression import Gate
    from greenbench.gates.runs import Run
    from greenbench.gates.verdict import Verdict
    from greenbench.results.reading import CellRecord, RunRecord
    from greenbench.run.session import Session
    from greenbench.types import Cell


class ChosenTests(Protocol):
    """Which tests of a session run that measure, and which ones a person left out."""

    functions: list[str]
    """Node ids of selected tests that measure plain functions."""

    def leaves_out(self, cell: str, test: str | None) -> bool:
        """Whether a person left out a cell of the compared run, which ``test`` measured there."""


class EarlierRuns:
    """The other sessions of a results folder, in which cells may find a reference."""

    def __init__(self, settings: Settings, own: Callable[[], str | None], notes: list[str]) -> None:
        """Read nothing yet; files that cannot be read will be said in ``notes``.

        ``own`` returns the id of the session whose runs are none of these.
        """
        self._settings = settings
        self._own = own
        self._notes = notes

    def newest(self, reference: str, cell: Measured) -> Measured | None:
        """Return the newest comparable cell that ``reference`` names."""
        folder = self._settings.results.name
        return runs.newest(self._runs, folder, reference, cell, allow=self._settings.allow)

    def of_cell(self, name: str) -> Sequence[Measured]:
        """Return the cell called ``name`` in all of these sessions."""
        return self.by_id.get(name, ())

    @functools.cached_property
    def by_id(self) -> dict[str, list[Measured]]:
        """All cells of these sessions."""
        return runs.cells_by_id(self._runs, self._settings.results.name)

    @functools.cached_property
    def _runs(self) -> list[RunRecord]:
        found, problems = loading.load_folder(self._settings.results)
        self._notes += problems + runs.future_notes(found)
        own = self._own()
        return [run for run in found if run.header.session_id != own]


class Gatekeeper:
    """Judges the cells of one session."""

    def __init__(
        self,
        session: Session,
        compared: Callable[[], Path | Sequence[Path] | None],
        *,
        selection: ChosenTests,
    ) -> None:
        """Judge nothing yet.

        ``compared`` finds the file to compare with, or those to choose from, newest last; None if
        no comparison was requested. ``selection`` knows what a person left out.
        """
        self._session = session
        self._compared = compared
        self._selection = selection
        self.gates = session.settings.gate
        self.notes: list[str] = []
        self.earlier = EarlierRuns(session.settings, self._own_id, self.notes)
        self._verdicts: list[Verdict] | None = None

    # --- before the first cell --------------------------------------------------------------------

    def check(self) -> None:
        """Resolve what the gates refer to; raises UsageError for what is missing or ambiguous."""
        refuse_repeated([cell.id for cell in self._session.selected])
        for gate in self.gates:
            if gate.reference == SAVED:
                _ = self.saved
            elif gate.reference:
                check_reference(gate, matrix_cells(self._session))

    @functools.cached_property
    def saved(self) -> Run:
        """The compared run: the named file, else the newest that failed no gate.

        Raises UsageError if there is none.
        """
        gate = next((gate.text for gate in self.gates if gate.reference == SAVED), "")
        run, chosen = saved_run.choose(self._compared(), gate)
        if chosen:
            self.notes.append(f"gates compare with {run.name}")
        return run

    # --- after the last cell ----------------------------------------------------------------------

    def judge(self, records: Sequence[CellRecord]) -> list[Verdict]:
        """Return a verdict for each gate and cell; the first answer stands."""
        if self._verdicts is None:
            self._verdicts = self._judged(records) if self.gates else []
        return self._verdicts

    def _judged(self, records: Sequence[CellRecord]) -> list[Verdict]:
        measured = {cell.id: cell for cell in self.measured(records)}
        references = self._references(measured)
        verdicts: list[Verdict] = []
        for gate in self.gates:
            verdicts += judge(gate, measured, references)
        return verdicts

    def measured(self, records: Sequence[CellRecord]) -> list[Measured]:
        """Return records with the circumstances of this session."""
        return [Measured(record=record, header=self._header) for record in records]

    def _own_id(self) -> str | None:
        return self._header.session_id

    @functools.cached_property
    def _header(self) -> RunHeader:
        return RunHeader.of(Fields(self._session.results.header, "this session"))

    def _references(self, measured: Mapping[str, Measured]) -> References:
        references = self.references()
        selected = [cell.id for cell in self._session.selected]
        gone = {} if references.saved is None else self._gone(self.saved, measured)
        return replace(references, expected=[*selected, *self._selection.functions], gone=gone)

    def references(self) -> References:
        """Return what cells may be compared with, whether or not all of them are measured yet."""
        allow = self._session.settings.allow
        if not any(gate.reference == SAVED for gate in self.gates):
            earlier, sessions = self.earlier.newest, self.earlier.of_cell
            return References(earlier=earlier, sessions=sessions, allow=allow)
        return References(
            saved=self.saved.cells,
            saved_name=Path(self.saved.name).name,
            earlier=self.earlier.newest,
            sessions=self.earlier.of_cell,
            allow=allow,
        )

    def baselines(self, records: Sequence[CellRecord]) -> list[Measured]:
        """Return V0 of an earlier session for each task of this one that ran without it."""
        cells = self.measured(without_v0(records))
        found = [self.earlier.newest(BASELINE, cell) for cell in cells]
        return [cell for cell in found if cell is not None]

    def _gone(self, saved: Run, measured: Mapping[str, Measured]) -> dict[str, str]:
        """Return the cells of the compared run that this one lacks; note unselected ones."""
        matrix = {cell.id for cell in matrix_cells(self._session)}
        parts = saved_run.left_out(saved, measured, _left_out(saved, matrix, self._selection))
        if parts.unselected:
            names = f"{', '.join(parts.unselected)} of {Path(saved.name).name}"
            self.notes.append(f"not selected, and so not judged: {names}")
        return parts.missing

    @property
    def failed(self) -> bool:
        """Whether a verdict fails the session."""
        strict = "inconclusive" in self._session.settings.strict
        return any_fails(self._verdicts or (), strict=strict)


def _left_out(saved: Run, matrix: Collection[str], selection: ChosenTests) -> set[str]:
    """Return the compared run's cells that a person left out of this one."""
    left_out = set()
    for name, cell in saved.cells.items():
        is_removed = bool(matrix and cell.record.variant and name not in matrix)
        if not is_removed and selection.leaves_out(name, saved.tests.get(name)):
            left_out.add(name)
    return left_out


def matrix_cells(session: Session) -> list[Cell]:
    """Return every cell of a session's matrix."""
    cells: list[Cell] = []
    known, profile = session.matrix.variants, session.profile
    for name, task in session.matrix.definitions.items():
        variants = variants_of(task, known)
        cells += cells_of(name, variants, profile, seed=0, rounds=None)
    return cells


def without_v0(records: Sequence[CellRecord]) -> list[CellRecord]:
    """Return a cell of each task that ran without V0."""
    with_v0 = {r.task for r in records if is_baseline(r.variant)}
    by_task = {}
    for record in records:
        if record.variant and record.rounds and record.task not in with_v0:
            by_task[record.task] = record
    return list(by_task.values())


def refuse_repeated(ids: Sequence[str]) -> None:
    """Raise UsageError if several tests measure one cell."""
    repeated = sorted(name for name, count in Counter(ids).items() if count > 1)
    if repeated:
        raise UsageError(
            f"--green-gate: several tests measure {repeated[0]}, and a verdict is about one; "
            "run them apart"
        )


def check_reference(gate: Gate, matrix: Sequence[Cell]) -> None:
    """Raise UsageError unless the gate's reference names one cell a task."""
    name = str(gate.reference)
    of_variant = set()
    for cell in matrix:
        number = cell.variant.partition("_")[0]
        if name in {f"{cell.variant}{cell.suffix}", f"{number}{cell.suffix}"}:
            return
        if number == name:
            of_variant.add(cell.id.partition("-")[2])
    if of_variant:
        problem = f"names {len(of_variant)} cells a task, {', '.join(sorted(of_variant))}"
    else:
        problem = "is no variant of the matrix"
    raise UsageError(
        f"--green-gate: {gate.text}: {name} {problem}; "
        "write 'saved' or one cell, such as V0 or V1-b16"
    )
