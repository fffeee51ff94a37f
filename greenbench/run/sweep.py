"""One cell over a range of power limits or clocks: where its training and inference cost least.

Every point is the cell's rounds as ``pytest bench`` would run them, under the same guard. The
first one leaves the machine as it is.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError, UsageError
from greenbench.results.files import now_stamp
from greenbench.results.sweep_files import SweepFile
from greenbench.run.efficiency import stage_energy, stage_seconds
from greenbench.run.measure import build_pipeline, measure_cell
from greenbench.run.session_results import stated_time
from greenbench.stats.curve import Point
from greenbench.stats.uncertainty import added, energies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.run.session import Session
    from greenbench.types import Cell, CellResult

SWEPT = ("training", "inference")
GPU_KNOBS = ("gpu_power_fraction", "gpu_clock_fraction")
CPU_KNOBS = ("cpu_power_fraction", "cpu_clock_fraction")
KNOBS = (*GPU_KNOBS, "gpu_memory_clock_fraction", *CPU_KNOBS)
FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5)


class PlainBenchmark:
    """Stands in for pytest-benchmark's fixture: runs the rounds and keeps no statistics."""

    enabled = True

    def pedantic(
        self,
        target: Callable[[], object],
        *,
        setup: Callable[[], object],
        teardown: Callable[[], object],
        rounds: int,
        iterations: int,
    ) -> None:
        """Call ``target`` between ``setup`` and ``teardown``, ``rounds`` times."""
        for _ in range(rounds * iterations):
            setup()
            target()
            teardown()


def chosen(session: Session, name: str) -> Cell:
    """Return the cell called ``name``; raises UsageError, with all names, for another."""
    cells = {}
    for task in session.matrix.tasks:
        for cell in session.cells(task.name):
            cells[cell.id] = cell
    if name not in cells:
        raise UsageError(
            f"greenbench sweep-power: there is no cell {name!r}; there are {', '.join(cells)}"
        )
    return cells[name]


def knobs(session: Session, requested: Sequence[str] | None) -> tuple[str, ...]:
    """Return the requested knobs, else those of the devices whose energy counts.

    Raises UsageError for one that cannot be swept.
    """
    if requested is None:
        return GPU_KNOBS if session.instruments.gpus else CPU_KNOBS
    for knob in requested:
        if knob not in KNOBS:
            raise UsageError(
                f"greenbench sweep-power: --knobs {knob}: it is none of {', '.join(KNOBS)}"
            )
    return tuple(requested)


def sweep(
    session: Session,
    cell: Cell,
    settings: Sequence[Mapping[str, float]],
    say: Callable[[str], None],
) -> list[Point]:
    """Measure ``cell`` with each of the ``settings``; the results folder has a file of the points.

    Raises what a cell raises that cannot run, and UnavailableError if the file cannot be written.
    """
    session.check([cell])
    session.messages.show = say
    session.warm_up()
    points = []
    try:
        file = _file(session, cell)
        for each in settings:
            points.append(_point(session, cell, each, say))
            _keep(file, points[-1])
        say(f"wrote {file.path}")
        return points
    finally:
        session.release(hurry=True)


def _file(session: Session, cell: Cell) -> SweepFile:
    about = {"cell": cell.id, "task": cell.task, "rounds": cell.rounds}
    moment = now_stamp()
    facts = {"started": stated_time(moment), "profile": session.settings.profile}
    machine = {"environment": session.results.describe_machine()}
    return SweepFile(session.settings.results, moment, {**about, **facts, **machine})


def _keep(file: SweepFile, point: Point) -> None:
    try:
        file.append(point)
    except OSError as error:
        raise UnavailableError(
            f"{file.path}: the points of the sweep cannot be written ({error.strerror or error}); "
            "free or mend the folder, or give another with --green-results"
        ) from error


def _point(
    session: Session, cell: Cell, settings: Mapping[str, float], say: Callable[[str], None]
) -> Point:
    system = replace(cell.options.system, **settings)  # type: ignore[arg-type]  # each knob a float
    cell = replace(cell, options=replace(cell.options, system=system))
    say(f"{_label(settings)}: measuring")
    pipeline = build_pipeline(session, cell)
    outcome = measure_cell(pipeline, PlainBenchmark(), session, lambda _text: None)
    if isinstance(outcome.error, UsageError):  # a value that the device refuses fails this point
        return Point(settings=settings, seconds={}, joules={}, note=str(outcome.error))
    if outcome.error is not None:
        raise outcome.error
    return replace(_measured(outcome.result, settings), note=_note(outcome.result, settings))


def _note(result: CellResult, settings: Mapping[str, float]) -> str:
    """Say why a setting did not hold; an empty text if all did."""
    for one_round in result.rounds:
        for proof in one_round.applied:
            if proof.stage == "system" and proof.knob in settings and proof.note:
                return proof.note
    return ""


def _measured(result: CellResult, settings: Mapping[str, float]) -> Point:
    windows = result.rounds[0].windows
    stages = [stage for stage in SWEPT if any(window.stage == stage for window in windows)]
    seconds, joules = {}, {}
    for stage in stages:
        seconds[stage] = fmean(stage_seconds(one_round, stage) for one_round in result.rounds)
        parts = [stage_energy(one_round, stage) for one_round in result.rounds]
        joules[stage] = energies([part for part in parts if part is not None])["total_j"]
    sums = []
    sources: set[str] = set()
    for one_round in result.rounds:
        parts = [stage_energy(one_round, stage) for stage in stages]
        known = [part for part in parts if part is not None]
        if known and len(known) == len(stages):
            sums.append(added(known))
            sources.update(sums[-1].sources.values())
    if sums:
        joules["both"] = energies(sums)["total_j"]
    named = tuple(sorted(sources - {"none"}))
    return Point(settings=settings, seconds=seconds, joules=joules, sources=named)


def _label(settings: Mapping[str, float]) -> str:
    parts = [f"{knob} {value:g}" for knob, value in settings.items()]
    return ", ".join(parts) or "the machine as it is"
