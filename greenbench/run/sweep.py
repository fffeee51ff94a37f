"""One cell over a range of power limits or clocks: where its training and inference cost least.

Every point is the cell's rounds as ``pytest bench`` would run them, under the same guard. The first one leaves the machine as
it is.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.pipeline import Pipeline
from greenbench.run.cell_result import Circumstances
from greenbench.run.efficiency import stage_energy
from greenbench.run.rounds import measured
from greenbench.stats.curve import Point
from greenbench.stats.uncertainty import added, energies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.run.session import Session
    from greenbench.types import Cell, CellResult

SWEPT = ("training", "inference")
GPU_KNOBS = ("gpu_power_fraction", "gpu_clock_fraction")
CPU_KNOBS = ("cpu_power_fraction", "cpu_clock_fraction")
FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5)


class Once:
    """Stands where pytest-benchmark's fixture stands in a suite: runs the rounds and keeps no statistics."""

    enabled = True

    def pedantic(
        self, target: Callable[[], Any], *, setup: Any, teardown: Any, rounds: int, iterations: int
    ) -> None:
        """Run ``target`` between ``setup`` and ``teardown``, ``rounds`` times."""
        for _ in range(rounds * iterations):
            setup()
            target()
            teardown()


def chosen(session: Session, name: str) -> Cell:
    """Return the cell called ``name``; raises UsageError with those that there are."""
    cells = {c.id: c for task in session.matrix.tasks for c in session.cells(task.name)}
    if name not in cells:
        raise UsageError(
            f"greenbench sweep-power: there is no cell {name!r}; there are {', '.join(cells)}"
        )
    return cells[name]


def knobs(session: Session, asked: Sequence[str] | None) -> tuple[str, ...]:
    """Return the knobs to sweep: the asked ones, else those of what is counted; raises UsageError for one that is none."""
    if asked is None:
        return GPU_KNOBS if session.gpus else CPU_KNOBS
    if unknown := [
        k for k in asked if k not in (*GPU_KNOBS, *CPU_KNOBS, "gpu_memory_clock_fraction")
    ]:
        known = ", ".join((*GPU_KNOBS, "gpu_memory_clock_fraction", *CPU_KNOBS))
        raise UsageError(f"greenbench sweep-power: --knobs {unknown[0]}: it is none of {known}")
    return tuple(asked)


def sweep(
    session: Session, cell: Cell, tried: Sequence[Mapping[str, float]], say: Callable[[str], None]
) -> list[Point]:
    """Measure ``cell`` with each of the settings ``tried``; raises what a cell raises that cannot be measured."""
    session.check([cell])
    session.live = say
    session.get_ready()
    try:
        return [_point(session, cell, chosen, say) for chosen in tried]
    finally:
        session.release(hurry=True)


def _point(
    session: Session, cell: Cell, chosen: Mapping[str, float], say: Callable[[str], None]
) -> Point:
    system: Any = replace(cell.options.system, **dict[str, Any](chosen))
    here = replace(cell, options=replace(cell.options, system=system))
    data, model = session.dataset(cell.task), session.model(cell.task)
    pipeline = Pipeline(
        here, data, model, session.toggles(here), session.meter, session.power(here)
    )
    say(f"{_told(chosen)}: measuring")
    outcome = measured(
        pipeline,
        Once(),
        session.meter,
        name=cell.id,
        rounds=cell.rounds,
        around=Circumstances(say=lambda _: None),
    )
    if isinstance(
        outcome.error, UsageError
    ):  # a value that this device does not take costs this point alone
        return Point(settings=chosen, seconds={}, joules={}, note=str(outcome.error))
    if outcome.error is not None:
        raise outcome.error
    idle = [
        a.note
        for r in outcome.result.rounds
        for a in r.applied
        if a.stage == "system" and a.knob in chosen and a.note
    ]
    return replace(_measured(outcome.result, chosen), note=idle[0] if idle else "")


def _measured(result: CellResult, chosen: Mapping[str, float]) -> Point:
    stages = [s for s in SWEPT if any(w.stage == s for w in result.rounds[0].windows)]
    parts = [
        {s: e for s in stages if (e := stage_energy(one, s)) is not None} for one in result.rounds
    ]
    both = [added(list(each.values())) for each in parts if len(each) == len(stages)]
    seconds = {
        s: fmean(sum(w.seconds for w in one.windows if w.stage == s) for one in result.rounds)
        for s in stages
    }
    joules = {s: energies([each[s] for each in parts if s in each])["total_j"] for s in stages}
    sources = {source for each in both for source in each.sources.values()} - {"none"}
    whole = {"both": energies(both)["total_j"]} if both else {}
    return Point(
        settings=chosen, seconds=seconds, joules={**joules, **whole}, sources=tuple(sorted(sources))
    )


def _told(chosen: Mapping[str, float]) -> str:
    return (
        ", ".join(f"{knob} {value:g}" for knob, value in chosen.items()) or "the machine as it is"
    )
