"""The logs of several ranks become that of the whole, which proofs and counts are read from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from greenbench.stages.ranks.report import RankReport, TrainingJob
    from greenbench.stages.training_log import TrainingLog


def add(
    log: TrainingLog, others: Sequence[RankReport], devices: Sequence[str], job: TrainingJob
) -> None:
    """Add what the ``others`` did to the first rank's ``log``; does nothing if it was alone."""
    if not others:
        return
    log.others = tuple(others)
    log.several = {"devices": tuple(devices), "threads_per_process": job.threads}
    for other in others:
        log.examples += other.examples
        log.tokens.extend(other.tokens)
        log.shapes.extend(other.shapes)
        log.precisions.counts.update(other.precisions)
    log.losses = _losses(log, others)
    log.step_examples = _step_examples(log, others)
    log.batch_sizes.counts = Counter(log.step_examples)


def _losses(log: TrainingLog, others: Sequence[RankReport]) -> list[torch.Tensor | float]:
    """Return the loss of each micro-batch: the mean of those of its parts."""
    means: list[torch.Tensor | float] = []
    for index, own in enumerate(log.losses):
        total = float(own)
        for other in others:
            total += other.losses[index]
        means.append(total / (1 + len(others)))
    return means


def _step_examples(log: TrainingLog, others: Sequence[RankReport]) -> list[int]:
    """Return the examples of each step: the sum of those of all ranks."""
    sums = []
    for index, own in enumerate(log.step_examples):
        total = own
        for other in others:
            total += other.step_examples[index]
        sums.append(total)
    return sums
