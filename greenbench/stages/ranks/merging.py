"""The logs of several ranks become that of the whole, which proofs and counts are read from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    losses = [log.losses, *(other.losses for other in others)]
    log.losses = [sum(map(float, parts)) / len(losses) for parts in zip(*losses, strict=True)]
    steps = [log.step_examples, *(other.step_examples for other in others)]
    log.step_examples = [sum(parts) for parts in zip(*steps, strict=True)]
    log.batch_sizes.counts = Counter(log.step_examples)
