"""The work of a round, which its energy was spent on: samples, tokens, steps and operations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch

from greenbench.stages import flops, isolation
from greenbench.stages.objectives.interface import AnsweredBatch
from greenbench.stages.trained_parts import TrainedParts
from greenbench.stages.training_log import TrainingLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Sized

    from transformers import PreTrainedModel

    from greenbench.stages.data import Batches
    from greenbench.stages.round_record import RoundRecord

Counts = dict[str, int | None]


def counted(record: RoundRecord, net: PreTrainedModel, batches: Batches) -> Counts:
    """Return the work of the round; a count is None if it is not known.

    ``record.uncounted`` then says why.
    """
    log = record.log or TrainingLog()
    healed = record.healing.log if record.healing else TrainingLog()
    counts: Counts = {}
    counts["parameters"] = sum(p.numel() for p in net.parameters())
    counts["samples_trained"] = log.examples + healed.examples
    counts["samples_scored"] = len(cast("Sized", batches.test.dataset))
    counts["tokens_training"] = sum(map(int, [*log.tokens, *healed.tokens]))
    counts["tokens_inference"] = batches.tokens_test
    counts["tokens_generated"] = batches.objective.tokens_generated
    counts["optimizer_steps"] = log.steps + healed.steps
    counts.update(_operations(record, net, batches))
    gpu_peaks = [_peak_gpu_memory(record.device), *(o.peak_gpu_memory_bytes for o in log.others)]
    counts["peak_gpu_memory_bytes"] = _sum(gpu_peaks)
    if log.others:
        counts["peak_memory_other_ranks_bytes"] = _sum([o.peak_memory_bytes for o in log.others])
    return counts


def _sum(numbers: Sequence[int | None]) -> int | None:
    """Return the sum; None if a number is unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _operations(record: RoundRecord, net: PreTrainedModel, batches: Batches) -> Counts:
    """Count the floating-point operations of training, of picking layers and of inference.

    Healing is training of a model with fewer layers.
    """

    def training() -> int:
        shapes = record.log.shapes if record.log else []
        parts = TrainedParts.of(record.options)
        operations = flops.of_training(net, record.config, shapes, parts)
        scored = record.log.scored.shapes if record.log else []
        operations += flops.of_reading(net, record.config, scored)
        if record.healing is not None:
            # What adapters have learnt is part of the weights by then.
            parts = TrainedParts(frozen_layers=record.options.training.frozen_layers)
            operations += flops.of_training(net, net.config, record.healing.log.shapes, parts)
        return operations

    def picking() -> int:
        """Count passes through whole stacks, without a head: before training, and after it."""
        total = 0
        pruned = record.pruned
        picked = [(record.depth, record.config)]
        if pruned is not None:
            picked.append((pruned.loaded, pruned.config))
        for depth, config in picked:
            if depth is not None and depth.calibration:
                shapes = [AnsweredBatch(*shape) for shape in depth.calibration]
                total += flops.of_inference(net.base_model, config, shapes)
        return total

    def inference() -> int:
        return _answering(record, net, batches.objective.answered)

    with isolation.quiet():
        return {
            "flops_training": _count(training, record),
            "flops_architecture": _count(picking, record),
            "flops_inference": _count(inference, record),
        }


def _answering(record: RoundRecord, net: PreTrainedModel, answered: Sequence[AnsweredBatch]) -> int:
    """Count the operations of inference, with a static cache's length, less what exits spared."""
    if record.probe is not None and record.probe.cache.checks:
        raise ValueError("guessed tokens are thrown away, and how many is not counted")
    lengths = [] if record.probe is None else record.probe.cache.lengths[-len(answered) :]
    if len(lengths) == len(answered):
        pairs = zip(answered, lengths, strict=True)
        answered = [replace(batch, cached=length) for batch, length in pairs]
    operations = flops.of_inference(net, net.config, answered)
    if record.exits is not None:
        for tokens, spared, questions in record.exits.log.passes[-len(answered) :]:
            operations -= flops.of_layers(net, net.config, tokens, spared)
            operations += flops.of_head(net, net.config, tokens, questions)
    return operations


def _count(operations: Callable[[], int], record: RoundRecord) -> int | None:
    """Return the count, or None if the model cannot run as a skeleton; the record says why."""
    try:
        return operations()
    except Exception as error:  # noqa: BLE001  whatever a foreign architecture raises
        message = str(error).partition("\n")[0]
        why = f"{type(error).__name__}: {message}"
        record.uncounted = f"the model's operations could not be counted: {why}"
        return None


def _peak_gpu_memory(device: torch.device) -> int | None:
    """Return the most bytes that torch held on the GPU since the reset; None on a CPU."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device)
