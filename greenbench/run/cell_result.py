"""Sums up the rounds of a cell: its status, mean scores and joules, effects and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError
from greenbench.run.doubts import doubts_of
from greenbench.run.effects import Outputs, effect_of
from greenbench.run.efficiency import efficiency, stages
from greenbench.run.reference_kernel import KernelRun, ReferenceKernel
from greenbench.stats.over_seeds import DEGENERATE, collapsed, degenerate, mean_quality
from greenbench.stats.uncertainty import energies
from greenbench.types import CellResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.pipeline import Pipeline
    from greenbench.types import Facts, Round, Status


@dataclass(slots=True)
class SessionMemory:
    """What a session remembers of its earlier cells."""

    kernel: ReferenceKernel = field(default_factory=ReferenceKernel)
    outputs: Outputs = field(default_factory=Outputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRuns:
    """The reference kernel around a cell."""

    before: KernelRun | None = None
    after: KernelRun | None = None
    failure: str = ""
    """Why it could not be run after the cell; empty if it was."""

    @property
    def record(self) -> Facts:
        """Return what the results file has of it."""
        return {"before": self.before, "after": self.after} if self.before else {}


def summarise(
    rounds: Sequence[Round],
    *,
    pipeline: Pipeline,
    kernel: KernelRuns,
    memory: SessionMemory,
    error: Exception | None = None,
) -> CellResult:
    """Return what the rounds of a pipeline's cell show together, and beside the earlier cells.

    ``error`` ended the rounds early; those before it count.
    """
    cell = pipeline.cell
    effect, without_effect = effect_of(rounds, cell.options)
    copies = memory.outputs.identical_outputs(cell, rounds)
    void = list(degenerate(rounds))
    warnings = list(doubts_of(rounds))
    if kernel.before is not None:
        warnings += memory.kernel.warnings(kernel.before, kernel.after)
    warnings += collapsed(rounds)
    if _has_probabilities(rounds):
        void += copies
    else:  # texts may well come out alike
        warnings += copies
    if kernel.failure:
        warnings.append(kernel.failure)
    doubts = [*(f"{DEGENERATE}: {reason}" for reason in void), *warnings]
    return CellResult(
        id=cell.id,
        task=cell.task,
        variant=cell.variant,
        model=pipeline.model.source,
        data=dict(pipeline.dataset.facts) if rounds else {},
        checkpoint=dict(pipeline.model.facts) if rounds else {},
        seeds=tuple(one_round.seed for one_round in rounds),
        status=status_of(rounds, error),
        rounds=tuple(rounds),
        quality=mean_quality(rounds),
        energy=energies([one_round.whole.energy for one_round in rounds]) if rounds else {},
        stages=stages(rounds),
        efficiency=efficiency(rounds) if rounds else {},
        effect=effect,
        without_effect=without_effect,
        degenerate=tuple(void),
        yardstick=kernel.record,
        doubts=tuple(dict.fromkeys(doubts)),
        error=None if error is None else sentence(error),
    )


def summarise_function(
    rounds: Sequence[Round], *, name: str, error: Exception | None = None
) -> CellResult:
    """Return what the rounds of a plain function show together."""
    return CellResult(
        id=name,
        task="",
        variant="",
        model="",
        data={},
        seeds=tuple(one_round.seed for one_round in rounds),
        status=status_of(rounds, error),
        rounds=tuple(rounds),
        energy=energies([one_round.whole.energy for one_round in rounds]) if rounds else {},
        stages=stages(rounds),
        doubts=doubts_of(rounds),
        error=None if error is None else sentence(error),
    )


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
