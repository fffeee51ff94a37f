"""The training stage: fine-tune with Accelerate, which does autocast and gradient accumulation.

The optimizer steps, the examples of each step and their order depend on the effective batch and the
seed alone, not on the number of micro-batches. The learning rate rises linearly and falls linearly
to 0. The profile sets the length of the training.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from greenbench.errors import UsageError
from greenbench.stages import adapters, early_stopping, freezing, optimizers, precision
from greenbench.stages.ranks import merging
from greenbench.stages.ranks.report import TrainingJob
from greenbench.stages.stack import stack_of
from greenbench.stages.training_log import TrainingLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from accelerate import Accelerator
    from accelerate.optimizer import AcceleratedOptimizer
    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.options import TrainingOptions
    from greenbench.stages.compiled_training import CompiledTraining
    from greenbench.stages.data import Batches
    from greenbench.stages.objectives.interface import ModelInputs, Objective
    from greenbench.stages.ranks.pool import Ranks
    from greenbench.stages.ranks.rank import Rank
    from greenbench.types import TaskSize

MIXED_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
GRADIENT_CLIP = 1.0
ROWS = 8
"""Rows of each trained matrix that are kept for the proof of its conversion."""


def check(options: TrainingOptions, device: torch.device) -> None:
    """Raise UnavailableError if ``device`` cannot train as ``options`` say."""
    precision.check("training", options.precision, device)
    optimizers.check(options.optimizer, device)


def finetune(
    model: nn.Module,
    batches: Batches,
    options: TrainingOptions,
    size: TaskSize,
    ranks: Ranks,
    compiled: CompiledTraining | None = None,
) -> TrainingLog:
    """Fine-tune ``model`` in place, on all devices of ``ranks``, and return the log of it.

    ``compiled`` are its passes, of a single rank, if they are not to run as they stand. Raises
    UnavailableError if another rank fails.
    """
    rank = ranks.rank
    job = TrainingJob(batches.train, batches.objective, options, size, rank.own_threads)
    own = replace(job, compiled=compiled)
    if options.target_score is not None:
        own = replace(own, scorer=early_stopping.ValidationScorer(options, batches))
    log, others = ranks.together("train", job, lambda: train(model, own, rank))
    merging.add(log, others, rank.devices, job)
    return log


def train(model: nn.Module, job: TrainingJob, rank: Rank) -> TrainingLog:
    """Train ``model`` in place as one rank, and return the log of its part."""
    with rank.threads(job.threads):
        return _train(model, job, rank)


def _train(model: nn.Module, job: TrainingJob, rank: Rank) -> TrainingLog:
    options, size = job.options, job.size
    with rank.announced():
        accelerator = _accelerator(options, rank)
    freezing.freeze(model, options.frozen_layers)
    optimizer = optimizers.build(model, options.optimizer, size)
    steps = len(job.loader) // options.accumulation_steps * size.epochs
    schedule = _schedule(optimizer, steps, size.warmup)
    if options.gradient_checkpointing:
        _checkpoint(model)
    prepared, tuned, loader = accelerator.prepare(model.train(), optimizer, job.loader)
    log = _begun(model, options, rank.device)
    log.planned = steps
    counter = optimizer.register_step_post_hook(log.count_step)
    probe = precision.PrecisionProbe(model)
    passes = prepared if job.compiled is None else job.compiled.as_module
    trainer = _Trainer(accelerator, prepared, passes, tuned, schedule, job.objective, log, rank)
    with probe if job.compiled is None else contextlib.nullcontext():
        _take_steps(trainer, loader, job)
    # Else autocast would stay on at inference: a knob of one stage would act in another.
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    accelerator.free_memory()
    counter.remove()
    log.optimizer = optimizers.name_of(optimizer)
    log.state_bytes = optimizers.state_bytes(optimizer)
    log.precisions = probe.seen
    if job.compiled is not None:
        log.precisions, log.compiled = job.compiled.precisions, job.compiled.log
    if job.scorer is not None:
        log.scored = job.scorer.log
    _finish(model, log)
    return log


def _take_steps(trainer: _Trainer, loader: Iterable[ModelInputs], job: TrainingJob) -> None:
    """Take the steps of all epochs, or those until a score is reached."""
    options = job.options
    # DistributedDataParallel would wait for ranks that do not score.
    model = getattr(trainer.model, "module", trainer.model)
    for _ in range(job.size.epochs):
        for step in _grouped(loader, options.accumulation_steps):
            trainer.take_step(step)
            done = trainer.log.attempts
            if early_stopping.ends(job.scorer, options, model, done, trainer.rank):
                return


def _begun(model: PreTrainedModel, options: TrainingOptions, device: torch.device) -> TrainingLog:
    """Return the log of a training that is about to begin."""
    log = TrainingLog(chosen_precision=precision.resolve(options.precision, device))
    log.trainable = _trainable(model)
    log.dtypes = _trainable_dtypes(model)
    log.norms_before = _norms(_trainable_tensors(model))
    log.frozen_before = _norms(_frozen_tensors(model))
    log.layers = len(stack_of(model).layers)
    log.frozen = freezing.frozen_layers(model)
    log.checkpointing = _checkpoints(model)
    log.adapters = adapters.read(model)
    return log


def _finish(model: PreTrainedModel, log: TrainingLog) -> None:
    """Note what the weights have become, and give the model back as it was before training."""
    log.norms_after = _norms(_trainable_tensors(model))
    log.frozen_after = _norms(_frozen_tensors(model))
    if log.checkpointing:
        model.gradient_checkpointing_disable()
    if log.frozen_before:
        _unfreeze(model)
    log.rows = sample_rows(model)


def _unfreeze(model: nn.Module) -> None:
    for weight in model.parameters():
        if weight.is_floating_point():
            weight.requires_grad = True


def merge_adapters(model: PreTrainedModel, log: TrainingLog) -> None:
    """Add trained adapters to the weights, of which the log keeps rows; does nothing for none."""
    if log.adapters.kind == "none":
        return
    adapters.merge(model)
    _unfreeze(model)
    log.rows = sample_rows(model)


def _checkpoints(model: nn.Module) -> bool:
    """Whether a module says that its backward pass will compute it again."""
    return any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def _checkpoint(model: PreTrainedModel) -> None:
    """Let the backward pass compute each layer again; raises UsageError if the model cannot."""
    if not model.supports_gradient_checkpointing:
        raise UsageError(
            f"training.gradient_checkpointing: {type(model).__name__} does not support it; set "
            "false"
        )
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    # It lets the embeddings' outputs require gradients, which this kind of checkpoint needs not:
    # the backward pass would go through layers that are frozen.
    model.disable_input_require_grads()


def _grouped(loader: Iterable[ModelInputs], size: int) -> Iterator[list[ModelInputs]]:
    """Yield the micro-batches of an optimizer step together: a loss over tokens counts them all."""
    remaining = iter(loader)
    while step := list(itertools.islice(remaining, size)):
        yield step


@dataclass(frozen=True, slots=True)
class _Trainer:
    """What every optimizer step needs, prepared by Accelerate."""

    accelerator: Accelerator
    model: nn.Module
    passes: nn.Module
    """What is called: the model, or its compiled passes."""
    optimizer: AcceleratedOptimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    objective: Objective
    log: TrainingLog
    rank: Rank

    def take_step(self, step: list[ModelInputs]) -> None:
        """Accumulate the gradients of the micro-batches of ``step``, and step after the last."""
        for batch in step:
            self.log.begin_micro_batch(batch)
            self._accumulate(batch, step)

    def _accumulate(self, batch: ModelInputs, step: list[ModelInputs]) -> None:
        accelerator = self.accelerator
        with accelerator.accumulate(self.model):
            loss = self.objective.loss(self.passes, batch, step, self.rank)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(self.model.parameters(), GRADIENT_CLIP)
            self.optimizer.step()
            if accelerator.sync_gradients:
                self._advance_schedule()
            self.optimizer.zero_grad()
        self.log.losses.append(loss.detach())

    def _advance_schedule(self) -> None:
        """Count a step that the gradient scaler skipped; else go on to the next learning rate."""
        if self.accelerator.optimizer_step_was_skipped:
            self.log.count_skipped_step()
        else:
            self.schedule.step()


def _accelerator(options: TrainingOptions, rank: Rank) -> Accelerator:
    from accelerate import Accelerator
    from accelerate.utils import (
        DataLoaderConfiguration,
        DistributedDataParallelKwargs,
        GradientAccumulationPlugin,
    )

    accumulation = GradientAccumulationPlugin(
        num_steps=options.accumulation_steps, sync_with_dataloader=False
    )
    return Accelerator(
        mixed_precision=MIXED_PRECISION[precision.resolve(options.precision, rank.device)],
        gradient_accumulation_plugin=accumulation,
        # Of several ranks, each takes its part of a micro-batch: the order of examples stays.
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=False, split_batches=True),
        # No buffer of these models is trained: all ranks have the same ones.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        cpu=rank.device.type == "cpu",
    )


def _schedule(
    optimizer: torch.optim.Optimizer, steps: int, warmup: float
) -> torch.optim.lr_scheduler.LambdaLR:
    rising = max(1, round(steps * warmup))
    falling = max(1, steps - rising)

    def factor(step: int) -> float:
        up = (step + 1) / rising
        down = max(0.0, (steps - step) / falling)
        return min(up, down)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _trainable_tensors(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _trainable_dtypes(model: nn.Module) -> tuple[str, ...]:
    """Return the dtypes of the trainable tensors, sorted: ``float32``."""
    tensors = _trainable_tensors(model).values()
    dtypes = set()
    for tensor in tensors:
        name = str(tensor.dtype)
        dtypes.add(name.removeprefix("torch."))
    return tuple(sorted(dtypes))


def _frozen_tensors(model: nn.Module) -> dict[str, nn.Parameter]:
    frozen = {}
    for name, weight in model.named_parameters():
        if not weight.requires_grad and weight.is_floating_point():
            frozen[name] = weight
    return frozen


def _norms(tensors: Mapping[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    """Return the norm of each tensor: one pass over the weights, a cheap one."""
    if not tensors:
        return {}
    with torch.no_grad():
        norms = torch._foreach_norm(list(tensors.values()))  # noqa: SLF001
    return dict(zip(tensors, norms, strict=True))


def sample_rows(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of up to ``ROWS`` rows of each trained matrix: enough to recognise it later."""
    rows = {}
    for name, tensor in _trainable_tensors(model).items():
        if tensor.ndim == 2:  # noqa: PLR2004
            every = max(1, len(tensor) // ROWS)
            some = tensor.detach()[::every]
            rows[name] = some[:ROWS].clone()
    return rows


def _trainable(model: nn.Module) -> dict[str, int]:
    """Return the trainable parameters by module: a model's head and the parts of its body."""
    body = getattr(model, "base_model_prefix", "")
    counts: dict[str, int] = {}
    for name, tensor in _trainable_tensors(model).items():
        parts = name.split(".")
        depth = 2 if parts[0] == body else 1
        module = ".".join(parts[:depth])
        counts[module] = counts.get(module, 0) + tensor.numel()
    return counts
