"""The training stage: fine-tune with Accelerate, which carries autocast and gradient accumulation.

The optimizer steps, the examples of each step and their order depend on the effective batch and the seed alone, not on the
number of micro-batches. The learning rate rises linearly and falls linearly to 0. How long is the profile's to say.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import torch

from greenbench.options import TrainingOptions
from greenbench.stages import precision
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torch import nn

    from greenbench.stages.data import Batches
    from greenbench.types import TaskSize

MIXED_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
GRADIENT_CLIP = 1.0
ROWS = 8
"""Rows of each trained matrix that are kept for the proof of its conversion."""


@dataclass(slots=True)
class Seen:
    """What training was seen to do: the ground of its proofs."""

    steps: int = 0
    """Counted at the optimizer itself; a step that the scaler skips does not reach it."""
    micro_batches: int = 0
    examples: int = 0
    tokens: list[Any] = field(default_factory=list)
    """Of each micro-batch, without padding; read after the window, as a GPU would have to be waited for."""
    shapes: list[tuple[int, int]] = field(default_factory=list)
    """Rows and tokens of each micro-batch, padding included."""
    losses: list[float] = field(default_factory=list)
    skipped: int = 0
    """Steps that the gradient scaler of fp16 left out because a gradient overflowed."""
    trainable: dict[str, int] = field(default_factory=dict)
    """Parameters that training may change, by module."""
    dtypes: tuple[str, ...] = ()
    """That the trained weights are held in."""
    norms: tuple[dict[str, Any], dict[str, Any]] = field(default_factory=lambda: ({}, {}))
    """Norm of each trainable tensor by name, before and after; read after the window."""
    precision: str | None = None
    """That a linear layer computed in."""
    optimizer: str = ""
    rows: dict[str, Any] = field(default_factory=dict)
    """Some rows of each trained matrix by name, as they ended."""

    def count_step(self, *_: Any) -> None:
        """Count a step of the optimizer; a hook."""
        self.steps += 1

    @property
    def attempts(self) -> int:
        """Steps that were made or skipped: each takes its micro-batches."""
        return self.steps + self.skipped


def check(options: TrainingOptions, device: torch.device) -> None:
    """Raise UnavailableError where ``device`` cannot train as asked."""
    precision.check("training", options.precision, device)


def finetune(
    model: nn.Module,
    batches: Batches,
    options: TrainingOptions,
    size: TaskSize,
    device: torch.device,
) -> Seen:
    """Fine-tune ``model`` in place and return what was seen."""
    accelerator = _accelerator(options, device)
    optimizer = _optimizer(model, options.optimizer, size)
    schedule = _schedule(
        optimizer, len(batches.train) // options.accumulation_steps * size.epochs, size.warmup
    )
    prepared, tuned, loader = accelerator.prepare(model.train(), optimizer, batches.train)
    seen = Seen(optimizer=type(optimizer).__name__.lower(), trainable=_trainable(model))
    seen.dtypes = tuple(
        sorted({str(p.dtype).removeprefix("torch.") for p in model.parameters() if p.requires_grad})
    )
    before = _norms(model)
    counting = optimizer.register_step_post_hook(seen.count_step)
    watched = precision.Watched(model)
    for _ in range(size.epochs):
        for together in _grouped(loader, options.accumulation_steps):
            for batch in together:
                loss = functools.partial(batches.objective.loss, prepared, batch, together)
                _micro_step(accelerator, prepared, tuned, schedule, loss, seen)
                seen.examples += len(batch["labels"])
                seen.tokens.append(batch["attention_mask"].sum())
                seen.shapes.append(tuple(batch["input_ids"].shape))
    # Without this the model would keep running under autocast at inference: a knob of one stage acting in another.
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    accelerator.free_memory()
    counting.remove()
    seen.norms, seen.rows = (before, _norms(model)), sample_rows(model)
    seen.precision = watched.name
    return seen


def _grouped(loader: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield the micro-batches of one optimizer step at a time: a loss over tokens must know how many there are in all."""
    rest = iter(loader)
    while group := list(itertools.islice(rest, size)):
        yield group


def _micro_step(
    accelerator: Any, model: Any, optimizer: Any, schedule: Any, lost: Callable[[], Any], seen: Seen
) -> None:
    with accelerator.accumulate(model):
        loss = lost()
        accelerator.backward(loss)
        if accelerator.sync_gradients:
            accelerator.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
        optimizer.step()
        if accelerator.sync_gradients and not accelerator.optimizer_step_was_skipped:
            schedule.step()
        optimizer.zero_grad()
    seen.micro_batches += 1
    seen.skipped += bool(accelerator.sync_gradients and accelerator.optimizer_step_was_skipped)
    seen.losses.append(loss.detach())


def _accelerator(options: TrainingOptions, device: torch.device) -> Any:
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration, GradientAccumulationPlugin

    return Accelerator(
        mixed_precision=MIXED_PRECISION[options.precision],
        gradient_accumulation_plugin=GradientAccumulationPlugin(
            num_steps=options.accumulation_steps, sync_with_dataloader=False
        ),
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=False),
        cpu=device.type == "cpu",
    )


def _optimizer(model: nn.Module, name: str, size: TaskSize) -> torch.optim.Optimizer:
    if name == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr=size.learning_rate, momentum=0.9, weight_decay=size.weight_decay
        )
    return torch.optim.AdamW(
        model.parameters(), lr=size.learning_rate, weight_decay=size.weight_decay
    )


def _schedule(
    optimizer: torch.optim.Optimizer, steps: int, warmup: float
) -> torch.optim.lr_scheduler.LambdaLR:
    rising = max(1, round(steps * warmup))
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising))),
    )


def proofs(seen: Seen | None, options: TrainingOptions) -> tuple[Applied, ...]:
    """Turn what was seen into proofs, knob by knob. Where the stage did not run, knobs that ask for something did not act."""
    if seen is None:
        return (
            _compare("finetune", options.finetune, got=False, how="whether the stage ran"),
            *_idle(options),
        )
    accumulated = round(seen.micro_batches / seen.attempts, 3)
    return (
        _learnt(seen, options),
        _compare("optimizer", options.optimizer, seen.optimizer, "class of the live optimizer"),
        _compare(
            "precision",
            options.precision,
            seen.precision,
            "dtype of a linear layer's output in training",
        ),
        _compare(
            "accumulation_steps",
            options.accumulation_steps,
            accumulated,
            "micro-batches per optimizer step, counted",
        ),
    )


def _learnt(seen: Seen, options: TrainingOptions) -> Applied:
    """Prove that training changed weights, not that it ran: what could change, what did, and where the loss went."""
    changed, tensors = moved(seen)
    acted = bool(changed) or not tensors
    return Applied(
        stage="training",
        knob="finetune",
        asked=options.finetune,
        got=acted,
        how=f"norms of the trainable tensors before and after: {changed} of {tensors} changed",
        note=""
        if acted == options.finetune
        else f"the stage ran, and {'a' if acted else 'no'} weight changed",
        evidence={
            "trainable_parameters": seen.trainable,
            "weight_dtypes": seen.dtypes,
            "tensors_changed": changed,
            "tensors": tensors,
            "loss_first": float(seen.losses[0]),
            "loss_last": float(seen.losses[-1]),
            "steps": seen.steps,
            "steps_skipped": seen.skipped,
        },
    )


def moved(seen: Seen) -> tuple[int, int]:
    """Return how many of the trainable tensors have another norm than before, and how many there are."""
    before, after = seen.norms
    return sum(bool(before[name] != after[name]) for name in before), len(before)


def _norms(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the norm of each trainable tensor: one pass over the weights, nothing beside that of a training step."""
    tensors = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        return dict(zip(tensors, torch._foreach_norm(list(tensors.values())), strict=True))  # noqa: SLF001


def sample_rows(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of up to ``ROWS`` rows of each trained matrix: enough to tell later what was converted."""
    matrices = {name: p for name, p in model.named_parameters() if p.requires_grad and p.ndim == 2}  # noqa: PLR2004
    return {
        name: p.detach()[:: max(1, len(p) // ROWS)][:ROWS].clone() for name, p in matrices.items()
    }


def _trainable(model: nn.Module) -> dict[str, int]:
    """Return the trainable parameters by module: a model's head and the parts of its body."""
    counts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parts = name.split(".")
            module = ".".join(
                parts[: 2 if parts[0] == getattr(model, "base_model_prefix", "") else 1]
            )
            counts[module] = counts.get(module, 0) + parameter.numel()
    return counts


def _idle(options: TrainingOptions) -> tuple[Applied, ...]:
    """Return the proofs of a stage that did not run: a knob at its baseline asked for nothing."""
    rest = [f.name for f in fields(options) if f.name != "finetune"]
    asked = {name: getattr(options, name) for name in rest}
    baseline = TrainingOptions()
    note = "not applied: the training stage is switched off"
    return tuple(
        Applied(
            stage="training",
            knob=name,
            asked=value,
            got=None,
            how="the stage did not run",
            note="" if value == getattr(baseline, name) else note,
        )
        for name, value in asked.items()
    )


def _rise(losses: Sequence[Any]) -> float:
    """Return by how much the mean loss of the last half lies above that of the first."""
    half = len(losses) // 2
    return sum(map(float, losses[-half:])) / half - sum(map(float, losses[:half])) / half


def _compare(knob: str, asked: Any, got: Any, how: str) -> Applied:
    note = "" if got == asked else f"asked for {asked}, read back {got}"
    return Applied(stage="training", knob=knob, asked=asked, got=got, how=how, note=note)


def doubts(options: TrainingOptions, device: torch.device, seen: Seen | None) -> tuple[str, ...]:
    """Say where mixed precision cannot pay on ``device``, and whether the loss was lost."""
    found = list(precision.doubts(options.precision, device))
    if seen is not None and not math.isfinite(float(seen.losses[-1])):
        found.append(f"the training loss ended at {float(seen.losses[-1])}: the model diverged")
    elif seen is not None and len(seen.losses) > 1 and (risen := _rise(seen.losses)) >= 0:
        found.append(
            f"the training loss did not fall: its last half is {risen:.3g} above its first"
        )
    if seen is not None and seen.skipped:
        found.append(
            f"{seen.skipped} of {seen.steps} optimizer steps were skipped: a gradient overflowed in fp16"
        )
    return tuple(found)
