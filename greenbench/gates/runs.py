"""Runs that were measured before: results files, folders of them, pytest-benchmark's saved runs."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.gates.comparability import differences
from greenbench.gates.fleets import joined
from greenbench.gates.references import is_named
from greenbench.gates.verdict import Measured
from greenbench.results import loading
from greenbench.results.consistency import check_positions
from greenbench.results.counted_energy import load_counted, noted
from greenbench.results.fields import Fields
from greenbench.results.json_files import read_json
from greenbench.results.planned_runs import load_planned
from greenbench.results.reading import CellRecord, RunHeader, RunRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from greenbench.results.planned_runs import PlannedBlocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The cells of one run, by id."""

    name: str
    cells: Mapping[str, Measured]
    failed: bool = False
    """Whether it failed a gate: such a run is not chosen as a baseline by itself."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """Node ids of the tests that measured its cells, where they are known."""
    older: Sequence[Measured] = ()
    """Cells of a folder's other sessions, which newer ones took the place of."""
    planned: PlannedBlocks | None = None
    """Of the newest run on many machines that was fetched into a folder."""
    disagreements: str = ""
    """Which counters of its allocations contradict its joules; empty if none does."""


def read(path: Path, *, as_baseline: bool = True) -> Run:
    """Return the run that a file or folder holds; of a folder, the newest of each cell.

    Of a folder ``as_baseline``, sessions that failed a gate are passed over if another one did not:
    what is judged, in contrast, is the newest whatever became of it. Raises UsageError where it
    holds none, or where a record is malformed or contradicts itself.
    """
    return of_contents(contents(path), path, as_baseline=as_baseline)


def contents(path: Path) -> dict[str, object] | None:
    """Return what a file holds, None for a folder; raises UsageError for what cannot be read."""
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"{path}: there is no such file or folder to compare with; "
            "--benchmark-json=FILE writes one"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give another") from error
    return None if is_folder else _json(path)


def is_job(contents: Mapping[str, object]) -> bool:
    """Whether a file's ``contents`` are a job of ``greenbench ci``, and no run."""
    return "sessions" in contents


def of_contents(data: dict[str, object] | None, path: Path, *, as_baseline: bool) -> Run:
    """Return the run that ``contents`` of ``path`` are; raises UsageError as ``read`` does."""
    if data is None:
        return _folder(path, as_baseline=as_baseline)
    if is_job(data):
        raise UsageError(
            f"{path}: a job of greenbench ci, whose file has both sides; give it alone "
            f"(greenbench compare {path}), or a run of pytest bench here"
        )
    if "benchmarks" in data:
        return saved(Fields(data, str(path)))
    run = loading.parsed(data, str(path))
    return Run(name=str(path), cells=_by_id([run], str(path)), failed=run.failed_gates)


def newest(
    earlier: Sequence[RunRecord],
    origin: str,
    reference: str,
    cell: Measured,
    *,
    allow: Collection[str] = (),
) -> Measured | None:
    """Return the newest cell of earlier runs that ``reference`` names, if it is comparable.

    Sessions that failed a gate are passed over, and files that are dated in the future. ``origin``
    names the folder that the runs come from.
    """
    latest, latest_start = None, ""
    now = _now()
    for run in earlier:
        started = run.header.started
        if run.failed_gates or started > now:
            continue
        if latest is not None and started <= latest_start:
            continue
        for record in run.cells:
            other = Measured(record=record, header=run.header, origin=origin)
            if _is_reference(other, reference, cell, allow):
                latest, latest_start = other, started
                break
    if latest is None:
        return None
    return replace(latest, origin=f"{origin}, {age(latest_start)} old")


def future_notes(earlier: Sequence[RunRecord]) -> list[str]:
    """Say which runs are dated in the future, and so are no baseline."""
    now = _now()
    notes = []
    for run in earlier:
        if run.header.started > now:
            dated = f"a results file of {run.variant} is dated {run.header.started}"
            notes.append(f"{dated}, in the future: it is no baseline")
    return notes


def _now() -> str:
    """Return the time as results files state the start of a session."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def age(started: str) -> str:
    """Say how long ago a session started."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    except ValueError:
        return "of unknown age"
    for length, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' * (count != 1)}"
    return "less than a minute"


def _is_reference(other: Measured, reference: str, cell: Measured, allow: Collection[str]) -> bool:
    if other.record.task != cell.record.task or not is_named(other, reference):
        return False
    return other.record.flaw is None and not set(differences(cell, other)) - set(allow)


def _json(path: Path) -> dict[str, object]:
    try:
        data = read_json(path)
    except ValueError as error:
        raise UsageError(
            f"{path}: not a whole results file or saved run ({error}); measure it again"
        ) from error
    if not isinstance(data, dict):
        raise UsageError(
            f"{path}: neither a results file nor a saved run; give one that pytest bench wrote"
        )
    return data


def _folder(path: Path, *, as_baseline: bool) -> Run:
    found, problems = loading.load_folder(path)
    if problems:
        raise Disagreements(problems)
    if not found:
        raise UsageError(
            f"{path}: no results file is here (V0_baseline_....json); "
            "run pytest bench first, or give another folder"
        )
    passed = [run for run in found if not run.failed_gates]
    now = _now()  # a file dated after it is never the newest
    chosen = passed if as_baseline and passed else found
    runs = sorted(chosen, key=lambda run: (run.header.started <= now, run.header.started))
    cells = _by_id(runs, str(path))
    planned = _newest_planned(path, cells.values())
    if planned is not None:
        cells = {name: cell for name, cell in cells.items() if _is_of(planned, cell)}
    older = []
    for run in found:
        for measured in measured_of(run, str(path)):
            newest = cells.get(measured.id)
            if newest is None or not _is_in(measured, newest):
                older.append(measured)
    return Run(
        name=str(path),
        cells=cells,
        failed=not passed,
        older=older,
        planned=planned,
        disagreements=_disagreements(path, cells.values()),
    )


def _disagreements(folder: Path, cells: Iterable[Measured]) -> str:
    """Say which counters contradict the joules of the runs on many machines that cells are of."""
    ids: dict[str, None] = {}
    for cell in cells:
        if cell.header.allocation is not None:
            ids[cell.header.allocation.run] = None
    texts: list[str] = []
    for run, counted in load_counted(folder).items() if ids else ():
        if run in ids:
            texts += counted.disagreements()
    return noted(texts)


def _newest_planned(folder: Path, cells: Iterable[Measured]) -> PlannedBlocks | None:
    """Return what was planned of the newest run on many machines in a folder."""
    planned = load_planned(folder)
    newest, started = None, ""
    for cell in cells:
        allocation = cell.header.allocation
        if allocation is None or allocation.run not in planned:
            continue
        last = max(part.header.started for part in cell.apart)
        if last > started:
            newest, started = planned[allocation.run], last
    return newest


def _is_of(planned: PlannedBlocks, cell: Measured) -> bool:
    """Whether a cell is of a run, or not planned in it: earlier runs do not stand in for it."""
    return cell.id not in planned.blocks or cell.header.session_id == planned.run


def _is_in(measured: Measured, newest: Measured) -> bool:
    """Whether a cell of a session is the newest one, or a part of it."""
    return any(part.record is measured.record for part in newest.apart or (newest,))


def saved(fields: Fields) -> Run:
    """Read a saved run of pytest-benchmark, whose benchmarks carry their cells' records.

    Raises UsageError where none does, or where one is malformed.
    """
    about = fields.fields("greenbench")
    benchmarks = fields.each("benchmarks", lambda benchmark: benchmark)
    records, tests = [], {}
    for benchmark in benchmarks:
        extra = benchmark.fields("extra_info")
        if extra.mapping("greenbench"):
            loading.refuse_newer(extra.fields("greenbench"))
            test = benchmark.text("fullname", "")
            record = _named(CellRecord.of(extra.mapping("greenbench"), fields.place), test)
            records.append(record)
            tests[record.id] = test
    if not records:
        raise UsageError(
            f"{fields.place}: none of its benchmarks was measured by greenbench; give another"
        )
    _refuse_repeated([record.id for record in records], fields.place)
    check_positions({record.id: record.rounds for record in records}, fields.place)
    header = RunHeader.of(about)
    if not header.environment:
        raise UsageError(
            f"{fields.place}: it does not say what its cells were measured in; measure it again"
        )
    cells = {}
    for record in records:
        cells[record.id] = Measured(record=record, header=header, origin=fields.place)
    failed = about.fields("gates").flag("failed", default=False)
    known = {name: test for name, test in tests.items() if test}
    return Run(name=fields.place, cells=cells, failed=failed, tests=known)


def _named(record: CellRecord, test: str) -> CellRecord:
    """Name a plain function by its test's node id, where an earlier greenbench named it alone."""
    return replace(record, id=test) if test and not record.variant else record


def _refuse_repeated(ids: list[str], origin: str) -> None:
    repeated = sorted(name for name, count in Counter(ids).items() if count > 1)
    if repeated:
        raise UsageError(
            f"{origin}: it holds {repeated[0]} several times, and a verdict is about one; "
            "measure its tests apart"
        )


def _by_id(runs: list[RunRecord], origin: str) -> dict[str, Measured]:
    """Return the cells of all runs by id; a later run's cell replaces an earlier one's."""
    every: list[Measured] = []
    for run in runs:
        every += measured_of(run, origin)
    return {measured.id: measured for measured in joined(every)}


def measured_of(run: RunRecord, origin: str) -> list[Measured]:
    """Return the cells of a results file with the circumstances they were measured in."""
    return [Measured(record=r, header=run.header, origin=origin) for r in run.cells]


def cells_by_id(earlier: Iterable[RunRecord], origin: str) -> dict[str, list[Measured]]:
    """Return the cells of all runs by id."""
    cells: list[Measured] = []
    for run in earlier:
        cells += measured_of(run, origin)
    return by_id(cells)


def by_id(cells: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Return cells of any sessions by id."""
    of_id: dict[str, list[Measured]] = {}
    for cell in cells:
        of_id.setdefault(cell.id, []).append(cell)
    return of_id
