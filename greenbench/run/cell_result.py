"""Sums up the rounds of a cell: its status, mean scores and joules, effects and warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypedDict

from greenbench.errors import GreenbenchError
from greenbench.run.doubts import doubts_of
from greenbench.run.effects import effect_of
from greenbench.run.efficiency import efficiency_values, phase_values, stage_values
from greenbench.stats.over_seeds import DEGENERATE, collapsed, degenerate, mean_quality
from greenbench.stats.uncertainty import energies, means
from greenbench.types import CellResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.pipeline import Pipeline
    from greenbench.run.memory import SessionMemory
    from greenbench.run.reference_kernel import KernelRuns
    from greenbench.types import Cell, Facts, Quantity, Round, Status, TaskDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class CellInputs:
    """The model and the data of a cell, as its record states them."""

    model: str
    data: Facts
    checkpoint: Facts
    definition: TaskDefinition


def inputs_of(
    pipeline: Pipeline, rounds: Sequence[Round], definition: TaskDefinition
) -> CellInputs:
    """Return what a pipeline measured; facts are empty if no round ended: nothing was loaded."""
    data: Facts = {}
    checkpoint: Facts = {}
    if rounds:
        data = dict(pipeline.dataset.facts)
        checkpoint = dict(pipeline.model.facts)
    return CellInputs(
        model=pipeline.model.source, data=data, checkpoint=checkpoint, definition=definition
    )


def summarise(
    rounds: Sequence[Round],
    *,
    cell: Cell,
    inputs: CellInputs,
    kernels: Sequence[KernelRuns],
    memory: SessionMemory,
    error: Exception | None = None,
) -> CellResult:
    """Return what the rounds of a cell show together, and beside the earlier cells.

    ``kernels`` are the reference kernel around all rounds in a row, or around each of them.
    ``error`` ended the rounds early; those before it count.
    """
    effect, without_effect = effect_of(rounds, cell.options)
    void, warnings = _findings(rounds, cell, memory)
    for kernel in kernels:
        warnings += _kernel_warnings(kernel, memory, in_blocks=cell.block is not None)
    doubts = [f"{DEGENERATE}: {reason}" for reason in void] + warnings
    efficiency = means(efficiency_values(rounds)) if rounds else {}
    return CellResult(
        id=cell.id,
        task=cell.task,
        variant=cell.variant,
        model=inputs.model,
        data=inputs.data,
        checkpoint=inputs.checkpoint,
        definition=inputs.definition,
        efficiency=efficiency,
        quality=mean_quality(rounds),
        effect=effect,
        without_effect=without_effect,
        degenerate=tuple(void),
        yardstick=_kernel_record(kernels),
        doubts=tuple(dict.fromkeys(doubts)),
        **_common(rounds, error),
    )


def _kernel_warnings(
    kernel: KernelRuns, memory: SessionMemory, *, in_blocks: bool
) -> tuple[str, ...]:
    """Say where the machine changed; in blocks only within a round, as blocks compare the rest."""
    failure = (kernel.failure,) if kernel.failure else ()
    if kernel.before is None:
        return failure
    return memory.kernel.warnings(kernel.before, kernel.after, since_first=not in_blocks) + failure


def _kernel_record(kernels: Sequence[KernelRuns]) -> Facts:
    """Return what the results file has: before the first round, after the last, around each."""
    if not kernels or kernels[0].before is None:
        return {}
    each = [asdict(kernel) for kernel in kernels]
    return {"before": kernels[0].before, "after": kernels[-1].after, "runs": each}


def summarise_function(
    rounds: Sequence[Round], *, name: str, error: Exception | None = None
) -> CellResult:
    """Return what the rounds of a plain function show together."""
    doubts = doubts_of(rounds)
    common = _common(rounds, error)
    return CellResult(id=name, task="", variant="", model="", data={}, doubts=doubts, **common)


class CommonParts(TypedDict):
    """What the results of cells and of plain functions have in common."""

    seeds: tuple[int, ...]
    status: Status
    rounds: tuple[Round, ...]
    energy: Mapping[str, Quantity]
    stages: Mapping[str, Mapping[str, Quantity]]
    phases: Mapping[str, Mapping[str, Quantity]]
    error: str | None


def _common(rounds: Sequence[Round], error: Exception | None) -> CommonParts:
    windows = [one_round.whole.energy for one_round in rounds]
    seeds = [one_round.seed for one_round in rounds]
    stages = {}
    for stage, values in stage_values(rounds).items():
        stages[stage] = means(values)
    return {
        "seeds": tuple(seeds),
        "status": status_of(rounds, error),
        "rounds": tuple(rounds),
        "energy": energies(windows) if windows else {},
        "stages": stages,
        "phases": {name: means(values) for name, values in phase_values(rounds).items()},
        "error": None if error is None else sentence(error),
    }


def _findings(
    rounds: Sequence[Round], cell: Cell, memory: SessionMemory
) -> tuple[list[str], list[str]]:
    """Return why the cell predicts nothing, and what a reader should be warned of."""
    void = list(degenerate(rounds))
    warnings = [*doubts_of(rounds), *collapsed(rounds)]
    copies = memory.outputs.identical_outputs(cell, rounds)
    if _has_probabilities(rounds):
        void += copies
    else:  # texts may well come out alike
        warnings += copies
    return void, warnings


def status_of(rounds: Sequence[Round], error: Exception | None) -> Status:
    """Return ``failed`` with an error, ``partial`` if a knob did not act, else ``ok``."""
    if error is not None or not rounds:
        return "failed"
    for one_round in rounds:
        if not all(proof.holds for proof in one_round.applied):
            return "partial"
    return "ok"


def sentence(error: BaseException) -> str:
    """Return an exception as one line; one that greenbench did not raise is named by its class."""
    text = str(error).strip() or "no message"
    first = text.splitlines()[0]
    return first if isinstance(error, GreenbenchError) else f"{type(error).__name__}: {first}"


def _has_probabilities(rounds: Sequence[Round]) -> bool:
    return any("probabilities_f32" in one_round.judged.outcomes for one_round in rounds)
