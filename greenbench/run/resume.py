"""Continues a session that died: takes over its whole rounds, and forgets half-finished blocks.

The rounds of a block are compared because they were measured within minutes. So a block that not
all cells finished is measured again as a whole, and its rounds are dropped from the records first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.report.cost import plural
from greenbench.results.fields import Fields
from greenbench.results.reading import CellRecord
from greenbench.results.record import Json, builtin, cell_record
from greenbench.results.unfinished import SavedSession, locked, saved_sessions
from greenbench.run.cell_result import CellInputs, summarise
from greenbench.run.conditions import changed
from greenbench.run.reference_kernel import KernelRun, KernelRuns
from greenbench.run.session_results import stated_time
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.run.session import Session
    from greenbench.types import Cell

ANEW = "leave out --green-resume to measure everything anew"


@dataclass(slots=True, kw_only=True)
class TakenOver:
    """What a session has of the one that it continues."""

    text: str
    """For the reader: from which session, and how much."""
    records: list[Json] = field(default_factory=list)
    """The records of the cells, without rounds of half-finished blocks."""
    problems: list[str] = field(default_factory=list)
    """Cells that failed, and stay failed."""
    _failed: set[str] = field(default_factory=set)
    _rounds: dict[str, int] = field(default_factory=dict)

    def add(self, record: Json) -> None:
        """Take over a cell."""
        cell = CellRecord.of(record)
        self.records.append(record)
        self._rounds[cell.id] = len(cell.rounds)
        if cell.failed:
            self._failed.add(cell.id)
            self.problems.append(
                f"{cell.id} failed before --green-resume ({cell.error or cell.outcome}), and is "
                "not measured again"
            )

    def has(self, cell: Cell) -> bool:
        """Whether what ``cell`` asks for, one round or all in a row, need not be measured."""
        rounds = self._rounds.get(cell.id, 0)
        return cell.id in self._failed or rounds > (cell.block or 0)


def resume(session: Session) -> TakenOver:
    """Take over what an unfinished session of the results folder has; perhaps there is none.

    Raises UsageError if it still runs, or if it was measured under other conditions.
    """
    with locked(session.settings.results):  # of two sessions one takes what died
        return _taken_over(session)


def _taken_over(session: Session) -> TakenOver:
    saved, text = _choose(session)
    if saved is None:
        return TakenOver(text=text)
    records = _in_order(session.selected, saved.files.values())
    _refuse_changed_inputs(session, records)
    with session.memory.opened():  # workers go on from it
        kept = _kept(session, records)
    lost = sum(_counted(records)) - sum(_counted(kept))
    taken = TakenOver(text=_said(saved, kept, lost))
    for record in kept:
        taken.add(record)
    _continue_files(session, saved, kept)
    return taken


def _in_order(cells: Sequence[Cell], files: Iterable[Json]) -> list[Json]:
    """Return the records of some files, in the order of the cells."""
    by_id = {}
    for file in files:
        for record in file["cells"]:
            by_id[record["id"]] = record
    return [by_id[cell.id] for cell in cells if cell.id in by_id]


def _choose(session: Session) -> tuple[SavedSession | None, str]:
    """Return the newest session that died and fits, or why there is none.

    Raises UsageError if the newest session of all is unfinished and does not fit: it is the one
    that the person means; and if the only one that fits still runs.
    """
    folder = session.settings.results
    sessions = saved_sessions(folder)
    now, environment = session.results.conditions, session.results.describe_machine()
    newest, running = "", None
    for saved in reversed(sessions):
        if not saved.unfinished:
            continue
        differences = changed(
            saved.session["conditions"], saved.any_file["environment"], now, environment
        )
        if saved.running_as is not None:  # another one's business, unless it is the one meant
            running = running or (None if differences else saved)
        elif not differences:
            return saved, ""
        elif saved is sessions[-1]:
            newest = f"--green-resume: {_named(saved)} cannot be continued: {differences}"
    if newest:
        raise UsageError(f"{newest}; run it as it was, or {ANEW}")
    if running is not None:
        raise UsageError(
            f"--green-resume: {_named(running)} still runs, as process {running.running_as}; wait "
            f"for it, end it, or {ANEW}"
        )
    return None, f"--green-resume: no unfinished session in {folder} fits; all cells are measured"


def _named(saved: SavedSession) -> str:
    return f"the session of {saved.started}"


def _said(saved: SavedSession, kept: Sequence[Json], lost: int) -> str:
    rounds = _counted(kept)
    text = f"taken over from {_named(saved)}: {plural(sum(rounds), 'round')}"
    text += f" of {plural(len(rounds), 'cell')}"
    if lost:
        text += f"; measured again: {plural(lost, 'round')} of a block that was not finished"
    return text


def _counted(records: Iterable[Json]) -> list[int]:
    return [len(record["rounds"]) for record in records]


# --- what is whole --------------------------------------------------------------------------------


def _kept(session: Session, records: Sequence[Json]) -> list[Json]:
    """Return the records without the rounds that are to be measured again."""
    cells = {cell.id: cell for cell in session.selected}
    in_rows = session.settings.interleave == "off" or _most_rounds(session) == 1
    blocks = None if in_rows else _whole_blocks(session.selected, records)
    kept = []
    for record in records:
        cell = cells[record["id"]]
        if blocks is None:
            if _failed(record) or len(record["rounds"]) == cell.rounds:
                kept.append(_remembered(session, cell, record))
        elif len(record["rounds"]) <= blocks:
            kept.append(_remembered(session, cell, record))
        elif blocks:
            kept.append(_shortened(session, cell, record, blocks))
    return kept


def _most_rounds(session: Session) -> int:
    return max((cell.rounds for cell in session.selected), default=1)


def _whole_blocks(cells: Sequence[Cell], records: Sequence[Json]) -> int:
    """Return how many of the first blocks all cells finished; a failed cell has no more rounds."""
    by_id = {record["id"]: record for record in records}
    finished = []
    for cell in cells:
        record = by_id.get(cell.id)
        rounds = _first_blocks(record) if record else 0
        if record is None or (rounds < cell.rounds and not _failed(record)):
            finished.append(rounds)
    return min(finished, default=max((cell.rounds for cell in cells), default=0))


def _first_blocks(record: Json) -> int:
    """Return how many of the first blocks a cell finished; of workers one may have been ahead."""
    finished = 0
    for one_round in record["rounds"]:
        if one_round["block"] not in {None, finished}:
            break
        finished += 1
    return finished


def _failed(record: Json) -> bool:
    return CellRecord.of(record).failed


# --- what a session remembers ---------------------------------------------------------------------


def _remembered(session: Session, cell: Cell, record: Json) -> Json:
    """Let the session go on after a cell's rounds, and return its record as it is."""
    rounds = CellRecord.of(record).rounds
    session.memory.runs.take_over(cell.id, rounds, _kernels(record))
    session.memory.outputs.identical_outputs(cell, rounds)
    return record


def _shortened(session: Session, cell: Cell, record: Json, blocks: int) -> Json:
    """Return what a cell's record was after so many ``blocks``, and go on from there."""
    rounds = CellRecord.of(record).rounds[:blocks]
    kernels = _kernels(record)[:blocks]
    session.memory.runs.take_over(cell.id, rounds, kernels)
    inputs = CellInputs(
        model=record["model"],
        data=record["data"],
        checkpoint=record["checkpoint"],
        definition=session.matrix.definitions[cell.task].definition,
    )
    result = summarise(rounds, cell=cell, inputs=inputs, kernels=kernels, memory=session.memory)
    return {**cell_record(result, cell.options), "outcome": "passed"}


def _kernels(record: Json) -> list[KernelRuns]:
    """Return the reference kernel around each round; raises UsageError if it is malformed."""
    return list(Fields(record, record["id"]).fields("yardstick").each("runs", _kernel_runs))


def _kernel_runs(fields: Fields) -> KernelRuns:
    runs: dict[str, KernelRun | None] = {"before": None, "after": None}
    for when in runs:
        if when in fields:
            run = fields.fields(when)
            if not run.number("operations_per_second"):
                fields.refuse(f"no rate of the reference kernel {when}", "operations_per_second")
            run.fields("memory").number("bytes_per_second")
            runs[when] = dict(run.whole())
    return KernelRuns(**runs, failure=fields.text("failure", ""))


# --- data and files -------------------------------------------------------------------------------


def _refuse_changed_inputs(session: Session, records: Sequence[Json]) -> None:
    """Raise UsageError if data or a model of the user's are no longer those of the records.

    Of a task of the suite's own both are. What greenbench ships or generates changes with its code
    alone, which was compared.
    """
    settings, definitions = session.settings, session.matrix.definitions
    for record in records:
        task = record["task"]
        if not record["rounds"]:
            continue
        is_own = definitions[task] is not BUILT_IN.get(task)
        if is_own or task in settings.data:
            now = session.inputs(task).dataset.facts
            _refuse_other(f"the data of {task}", CellRecord.of(record).data, now)
        if is_own or session.matrix.model_of(task) in settings.model:
            now = session.inputs(task).model.facts
            _refuse_other(f"the model of {task}", CellRecord.of(record).checkpoint, now)


def _refuse_other(name: str, earlier: Mapping[str, object], now: Mapping[str, object]) -> None:
    for key in ("sha256", "revision"):
        if builtin(now.get(key)) != earlier.get(key):
            raise UsageError(
                f"--green-resume: {name} changed since the session began ({key} was "
                f"{earlier.get(key)} and is {now.get(key)}); give the same, or {ANEW}"
            )


def _continue_files(session: Session, saved: SavedSession, kept: Sequence[Json]) -> None:
    """Write the session's files with what is kept, and without the end that one may have had."""
    note = {"at": stated_time(datetime.now(UTC)), "rounds_taken_over": sum(_counted(kept))}
    resumed = [*saved.session.get("resumed", ()), note]
    files = {}
    for path, file in saved.files.items():
        cells = [record for record in kept if record["variant"] == file["variant"]]
        files[path] = {**file, "cells": cells, "conclusion": None}
        files[path].pop("gates", None)
    environment = saved.any_file["environment"]
    session.results.resume({**saved.session, "resumed": resumed}, environment, files)
