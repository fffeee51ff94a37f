"""What training was observed to do, and the proofs and warnings that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from greenbench.options import TrainingOptions
from greenbench.stages import compiled_training, early_stopping, freezing, packing, precision
from greenbench.stages.adapters import AdapterLog
from greenbench.stages.compiled_training import CompileLog
from greenbench.stages.early_stopping import ScoreLog
from greenbench.stages.freezing import FrozenPart
from greenbench.stages.tally import Tally, ValueT
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from greenbench.stages.objectives.interface import ModelInputs
    from greenbench.stages.ranks.report import RankReport

ALIKE = 1e-6
"""Relative difference of two norms of one tensor that is no difference of weights."""


@dataclass(slots=True)
class TrainingLog:
    """Counts and readings of one training run.

    Tensors are read after the window: reading them would make a GPU wait.
    """

    planned: int | None = None
    """Steps that the data, the batch size and the epochs call for; None if nobody says."""
    steps: int = 0
    """Counted at the optimizer itself; a step that the scaler skips does not reach it."""
    accumulated: Tally[int] = field(default_factory=lambda: Tally("steps"))
    """Micro-batches of each step, made or skipped: those since the step before."""
    batch_sizes: Tally[int] = field(default_factory=lambda: Tally("steps"))
    """Examples of each step, likewise."""
    step_examples: list[int] = field(default_factory=list)
    """The same, step by step."""
    before_step: tuple[int, int] = (0, 0)
    """Micro-batches and examples up to the latest step."""
    micro_batches: int = 0
    examples: int = 0
    tokens: list[torch.Tensor | int] = field(default_factory=list)
    """Tokens of each micro-batch, without padding."""
    shapes: list[tuple[int, int]] = field(default_factory=list)
    """Rows and tokens of each micro-batch, padding included."""
    losses: list[torch.Tensor | float] = field(default_factory=list)
    """Loss of each micro-batch."""
    skipped: int = 0
    """Steps that the gradient scaler of fp16 skipped because a gradient overflowed."""
    trainable: dict[str, int] = field(default_factory=dict)
    """Parameters that training may change, by module."""
    dtypes: tuple[str, ...] = ()
    """Dtypes of the trained weights."""
    norms_before: dict[str, torch.Tensor] = field(default_factory=dict)
    """Norm of each trainable tensor by name."""
    norms_after: dict[str, torch.Tensor] = field(default_factory=dict)
    precisions: Tally[str] = field(default_factory=lambda: Tally("readings"))
    """Precisions that linear layers computed in."""
    chosen_precision: str = ""
    """What the requested precision was resolved to."""
    layers: int = 0
    """Layers of the trained model."""
    frozen: list[int] = field(default_factory=list)
    """Those without a trainable weight, by their positions."""
    frozen_before: dict[str, torch.Tensor] = field(default_factory=dict)
    """Norm of each frozen tensor by name."""
    frozen_after: dict[str, torch.Tensor] = field(default_factory=dict)
    checkpointing: bool = False
    """Whether the model said that it would compute layers again."""
    layers_ran: Tally[int] = field(default_factory=lambda: Tally("passes"))
    """For every pass the layers of the loaded model that ran, as bits; read if a knob needs it."""
    layers_tracked: Tally[int] = field(default_factory=lambda: Tally("passes"))
    """Those whose outputs gradients reach, likewise."""
    layers_recomputed: Tally[int] = field(default_factory=lambda: Tally("passes"))
    """Those that ran once more in the backward pass, likewise."""
    adapters: AdapterLog = field(default_factory=AdapterLog)
    """The adapters that were trained in place of the layers' weights."""
    compiled: CompileLog = field(default_factory=CompileLog)
    """What was compiled for it."""
    scored: ScoreLog = field(default_factory=ScoreLog)
    """Scores on validation examples, if training ends at one."""
    optimizer: str = ""
    """Class of the optimizer, in lower case, with its kernel and the format of its states."""
    state_bytes: dict[str, int] = field(default_factory=dict)
    """Bytes of its states by dtype."""
    attention: dict[str, object] = field(default_factory=dict)
    """The attention of the first pass: its name, and calls of the fused one."""
    rows: dict[str, torch.Tensor] = field(default_factory=dict)
    """Some rows of each trained matrix by name, as training left them."""
    others: tuple[RankReport, ...] = ()
    """What the other ranks did, if several devices trained."""
    several: dict[str, object] = field(default_factory=dict)
    """Which devices these were, and the threads of each rank."""

    def begin_micro_batch(self, batch: ModelInputs) -> None:
        """Count a micro-batch, before a step that it completes."""
        self.micro_batches += 1
        self.examples += packing.examples(batch) or len(batch["labels"])
        self.tokens.append(batch["attention_mask"].count_nonzero())
        rows, tokens = batch["input_ids"].shape
        self.shapes.append((rows, tokens))

    def count_step(self, *_: object) -> None:
        """Count a step of the optimizer; a hook."""
        self.steps += 1
        self._end_step()

    def count_skipped_step(self) -> None:
        """Count a step that the gradient scaler skipped."""
        self.skipped += 1
        self._end_step()

    def _end_step(self) -> None:
        batches, examples = self.before_step
        self.accumulated.counts[self.micro_batches - batches] += 1
        self.batch_sizes.counts[self.examples - examples] += 1
        self.step_examples.append(self.examples - examples)
        self.before_step = self.micro_batches, self.examples

    @property
    def precision(self) -> str | None:
        """Precision that linear layers computed in most often."""
        return self.precisions.usual

    @property
    def attempts(self) -> int:
        """Steps made or skipped; each takes its micro-batches."""
        return self.steps + self.skipped

    @property
    def changed_tensors(self) -> int:
        """Trainable tensors that have another norm than before."""
        return sum(self.moved.values())

    @property
    def moved(self) -> dict[str, bool]:
        """Whether each trainable tensor has another norm than before, by name."""
        moved = {}
        for name, before in self.norms_before.items():
            moved[name] = bool(before != self.norms_after[name])
        return moved


def _loss_rise(log: TrainingLog) -> float:
    """Return the mean loss of the last half minus that of the first."""
    half = len(log.losses) // 2
    first_half, last_half = log.losses[:half], log.losses[-half:]
    return _mean(last_half) - _mean(first_half)


def _mean(losses: Sequence[torch.Tensor | float]) -> float:
    return sum(map(float, losses)) / len(losses)


def proofs(log: TrainingLog | None, options: TrainingOptions) -> tuple[Applied, ...]:
    """Return a proof of each knob of training; ``log`` is None if the stage did not run."""
    if log is None:
        finetune = _proof("finetune", options.finetune, False, "whether the stage ran")  # noqa: FBT003
        return (finetune, *_idle_proofs(options))
    finetune = _finetune_proof(log, options)
    how = "class of the live optimizer, its kernel, and dtypes of its states"
    optimizer = _proof("optimizer", options.optimizer, log.optimizer, how)
    optimizer = replace(optimizer, evidence={"state_bytes": log.state_bytes})
    how = "dtypes of a first and a last linear layer's outputs in every pass of training"
    chosen = log.chosen_precision or options.precision
    computed = _tallied("precision", chosen, log.precisions, how)
    computed = replace(computed, asked=options.precision)
    how = "micro-batches of every optimizer step, counted"
    accumulation = _tallied("accumulation_steps", options.accumulation_steps, log.accumulated, how)
    checkpointing = _checkpointing_proof(log, asked=options.gradient_checkpointing)
    frozen = freezing.proof(_frozen_part(log), options.frozen_layers)
    compiled = compiled_training.proof(log.compiled, log.micro_batches, asked=options.compile)
    stopped = early_stopping.proofs(log.scored, options, log.attempts)
    acted = (finetune, optimizer, computed, accumulation, compiled)
    return (*acted, checkpointing, frozen, *stopped)


def _frozen_part(log: TrainingLog) -> FrozenPart:
    return FrozenPart(
        layers=log.layers,
        frozen=log.frozen,
        ran=log.layers_ran,
        tracked=log.layers_tracked,
        before=log.frozen_before,
        after=log.frozen_after,
    )


def _checkpointing_proof(log: TrainingLog, *, asked: bool) -> Applied:
    """Compare the layers that ran again in backward passes with those that gradients reach."""
    got, how = log.checkpointing, "whether the live model says that it computes layers again"
    recomputed, reached = log.layers_recomputed, log.layers_tracked.usual
    if recomputed.total:
        got = bool(reached) and recomputed.usual == reached
        how = "layers that ran again in each backward pass, by hooks"
    note = "" if got == asked else f"requested {asked}, read back {got}"
    if asked and got and recomputed.exceptions(reached):
        again = recomputed.counts.total() - recomputed.counts[recomputed.usual or 0]
        note = f"other layers ran again in {again} of {recomputed.total} passes"
    return Applied(
        stage="training",
        knob="gradient_checkpointing",
        asked=asked,
        got=got,
        how=how,
        note=note,
    )


def _tallied(knob: str, asked: ValueT, tally: Tally[ValueT], how: str) -> Applied:
    """Return the proof of a knob that every step or pass must obey."""
    note = ""
    if not tally.total:
        note = f"requested {asked}, read back nothing"
    elif other := tally.exceptions(asked):
        note = f"requested {asked}, read back {other}"
    got = tally.usual
    return Applied(stage="training", knob=knob, asked=asked, got=got, how=how, note=note)


def _proof(knob: str, asked: object, got: object, how: str) -> Applied:
    note = "" if got == asked else f"requested {asked}, read back {got}"
    return Applied(stage="training", knob=knob, asked=asked, got=got, how=how, note=note)


def _finetune_proof(log: TrainingLog, options: TrainingOptions) -> Applied:
    """Prove that training changed weights, not only that it ran."""
    changed = log.changed_tensors
    tensors = len(log.norms_before)
    acted = changed > 0 or tensors == 0
    note = ""
    if acted != options.finetune:
        note = f"the stage ran, and {'a' if acted else 'no'} weight changed"
    elif log.planned not in {None, log.attempts} and not _ended_early(log, options):
        note = f"{log.attempts} of {log.planned} optimizer steps were made"
    elif strayed := _strayed(log):
        note = f"rank {', '.join(map(str, strayed))} ended with other weights than rank 0"
    return Applied(
        stage="training",
        knob="finetune",
        asked=options.finetune,
        got=acted,
        how=f"norms of the trainable tensors before and after: {changed} of {tensors} changed",
        note=note,
        evidence={
            "trainable_parameters": log.trainable,
            "weight_dtypes": log.dtypes,
            "tensors_changed": changed,
            "tensors": tensors,
            "loss_first": float(log.losses[0]),
            "loss_last": float(log.losses[-1]),
            "steps": log.steps,
            "steps_planned": log.planned,
            "steps_skipped": log.skipped,
            **log.several,
        },
    )


def _ended_early(log: TrainingLog, options: TrainingOptions) -> bool:
    """Whether training ended at the step after which the target score was reached."""
    target, scored = options.target_score, log.scored
    if target is None or scored.reached(target) is None:
        return False
    return scored.steps[-1] == log.attempts


def _strayed(log: TrainingLog) -> tuple[int, ...]:
    """Return the ranks whose trained weights are not those of the first."""
    own = [float(norm) for norm in log.norms_after.values()]
    different = []
    for other in log.others:
        pairs = zip(own, other.norms, strict=True)
        if not all(math.isclose(a, b, rel_tol=ALIKE) for a, b in pairs):
            different.append(other.rank)
    return tuple(different)


def _idle_proofs(options: TrainingOptions) -> list[Applied]:
    """Return the proofs of a stage that did not run: only a knob at its baseline holds."""
    baseline = TrainingOptions()
    idle_proofs = []
    for option in fields(options):
        if option.name == "finetune":
            continue
        asked = getattr(options, option.name)
        note = ""
        if asked != getattr(baseline, option.name):
            note = "not applied: the training stage is switched off"
        proof = Applied(
            stage="training",
            knob=option.name,
            asked=asked,
            got=None,
            how="the stage did not run",
            note=note,
        )
        idle_proofs.append(proof)
    return idle_proofs


def doubts(
    options: TrainingOptions, device: torch.device, log: TrainingLog | None
) -> tuple[str, ...]:
    """Warn if mixed precision cannot pay on ``device``, or if the loss did not fall."""
    warnings = list(precision.doubts(options.precision, device))
    if log is not None:
        warnings.extend(_loss_warnings(log))
    return tuple(warnings)


def _loss_warnings(log: TrainingLog) -> list[str]:
    warnings = []
    last = float(log.losses[-1])
    if not math.isfinite(last):
        warnings.append(f"the training loss ended at {last}: the model diverged")
    elif len(log.losses) > 1 and _loss_rise(log) >= 0:
        rise = f"its last half is {_loss_rise(log):.3g} above its first"
        warnings.append(f"the training loss did not fall: {rise}")
    if log.skipped:
        skipped = f"{log.skipped} of {log.steps} optimizer steps were skipped"
        warnings.append(f"{skipped}: a gradient overflowed in fp16")
    return warnings
