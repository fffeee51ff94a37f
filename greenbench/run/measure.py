"""Measures one cell, the reference kernel before and after its rounds, or one plain function."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.pipeline import Pipeline, WithoutTorch
from greenbench.results.record import Json, cell_record
from greenbench.run.cell_result import inputs_of, sentence, summarise, summarise_function
from greenbench.run.doubts import lacking
from greenbench.run.kept_outputs import with_kept_outputs
from greenbench.run.reference_kernel import NUMPY, TORCH, KernelRuns, Kernels
from greenbench.run.reuse import share_stages
from greenbench.run.rounds import Benchmark, FunctionTarget, Rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.machine.energy import Meter
    from greenbench.pipeline import ModelHandle, Stages, SystemStage, TaskData
    from greenbench.run.session import Session
    from greenbench.types import Cell, CellResult, Round


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What came of measuring a cell."""

    result: CellResult
    record: Json
    """The same as plain builtins: what goes into ``extra_info`` and the results file."""
    error: Exception | None
    """Why it failed; the rounds before the failure are in the result."""


def build_pipeline(
    session: Session,
    cell: Cell,
    *,
    dataset: TaskData | None = None,
    model: ModelHandle | None = None,
    toggles: Stages | None = None,
    meter: Meter | None = None,
    power: SystemStage | None = None,
) -> Pipeline:
    """Return the pipeline of ``cell``, with the parts that a suite gives of its own."""
    inputs = session.inputs(cell.task)
    return Pipeline(
        cell,
        inputs.dataset if dataset is None else dataset,
        inputs.model if model is None else model,
        session.toggles(cell) if toggles is None else toggles,
        session.instruments.meter if meter is None else meter,
        session.power(cell) if power is None else power,
    )


def measure_cell(
    pipeline: Pipeline, benchmark: Benchmark, session: Session, say: Callable[[str], None]
) -> CellOutcome:
    """Run the rounds of a cell through ``benchmark`` (pytest-benchmark's fixture), and sum them up.

    An exception of a stage ends the rounds and is returned; KeyboardInterrupt and the like go
    through. ``say`` shows what runs.
    """
    cell = pipeline.cell
    pipeline.progress = lambda text: say(f"{cell.id}: {text}")
    rounds = Rounds(
        pipeline,
        pipeline.energy,
        first_seed=cell.seed,
        numbers=range(cell.rounds) if cell.block is None else (cell.block,),
        count=cell.last_round,
        say=pipeline.progress,
        heed=session.memory.stop.heed,
    )
    kernel = KernelRuns()
    error: Exception | None = None
    try:
        _require_sources(session, pipeline.energy.sources)
        if benchmark.enabled:
            share_stages(pipeline, session)
            run_kernel = functools.partial(_run_kernel, pipeline, session)
            latest = session.memory.kernel.latest_or(run_kernel, _library(pipeline.toggles))
            kernel = replace(kernel, before=latest)
        rounds.run(benchmark)
        if benchmark.enabled:
            kernel = _with_kernel_after(kernel, pipeline, session)
        _require_joules(session, rounds.finished)
    except Exception as failure:  # noqa: BLE001  the caller raises it once the record is kept
        error = failure
    finally:
        pipeline.power.release()
    definition = session.matrix.definitions[cell.task].definition
    keep = session.settings.keep_outputs
    finished = with_kept_outputs(rounds.finished, cell.seed, asked=keep)
    with session.memory.opened():
        run = session.memory.runs.add(cell, finished, kernel)
        result = summarise(
            run.rounds,
            cell=cell,
            inputs=inputs_of(pipeline, run.rounds, definition),
            kernels=run.kernels,
            memory=session.memory,
            error=error,
        )
    return CellOutcome(result=result, record=cell_record(result, cell.options), error=error)


def measure_function(
    function: Callable[[], object],
    benchmark: Benchmark,
    session: Session,
    say: Callable[[str], None],
    *,
    name: str,
    rounds: int,
) -> CellOutcome:
    """Call a plain function ``rounds`` times as ``measure_cell`` runs a cell; there is no score."""
    meter = session.instruments.meter
    run = Rounds(
        FunctionTarget(function),
        meter,
        first_seed=0,
        numbers=range(rounds),
        count=rounds,
        say=lambda text: say(f"{name}: {text}"),
    )
    error: Exception | None = None
    try:
        _require_sources(session, meter.sources)
        run.run(benchmark)
        _require_joules(session, run.finished)
    except Exception as failure:  # noqa: BLE001  the caller raises it once the record is kept
        error = failure
    result = summarise_function(run.finished, name=name, error=error)
    return CellOutcome(result=result, record=cell_record(result, None), error=error)


def _run_kernel(pipeline: Pipeline, session: Session) -> Json:
    toggles = pipeline.toggles
    kernels = Kernels(
        functools.partial(pipeline.run_kernel, toggles.yardstick),
        functools.partial(pipeline.run_kernel, toggles.memory_yardstick),
        _library(toggles),
    )
    return session.memory.kernel.measure(kernels, shortest_s=pipeline.energy.shortest_s)


def _library(stages: Stages) -> str:
    """Return what the reference kernels of ``stages`` compute with."""
    return NUMPY if isinstance(stages, WithoutTorch) else TORCH


def _with_kernel_after(kernel: KernelRuns, pipeline: Pipeline, session: Session) -> KernelRuns:
    """Run the kernel after the rounds; a failure is a warning: the cell is measured already."""
    try:
        return replace(kernel, after=_run_kernel(pipeline, session))
    except Exception as error:  # noqa: BLE001  whatever a device raises after the rounds
        failure = f"the reference kernel could not be run after the cell: {sentence(error)}"
        return replace(kernel, failure=failure)


def _require_sources(session: Session, sources: Mapping[str, str]) -> None:
    problem = lacking(session.settings.require, sources)
    if problem:
        raise UnavailableError(problem)


def _require_joules(session: Session, rounds: Sequence[Round]) -> None:
    for one_round in rounds:
        problem = lacking(session.settings.require, one_round.whole.energy)
        if problem:
            raise UnavailableError(problem)
