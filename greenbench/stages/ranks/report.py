"""What a rank is given to train, and what it tells the first one of its part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

    from greenbench.options import TrainingOptions
    from greenbench.stages.compiled_training import CompiledTraining
    from greenbench.stages.early_stopping import ValidationScorer
    from greenbench.stages.objectives.interface import Loader, Objective
    from greenbench.types import TaskSize


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training run, the same for every rank: Accelerate gives each its part of the batches."""

    loader: Loader
    objective: Objective
    options: TrainingOptions
    size: TaskSize
    threads: int | None
    """Threads of torch in each rank; None leaves them as they are."""
    scorer: ValidationScorer | None = None
    """Scores the model in training; the first rank alone has one."""
    compiled: CompiledTraining | None = None
    """The model's compiled passes, of a rank that trains alone; None runs the model itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankReport:
    """What another rank did in training, as plain numbers."""

    rank: int
    pid: int
    cpu_seconds: float
    """Of its process, during training."""
    examples: int
    step_examples: tuple[int, ...]
    """Of each optimizer step."""
    tokens: tuple[int, ...]
    """Of each micro-batch, without padding."""
    shapes: tuple[tuple[int, int], ...]
    """Rows and tokens of each micro-batch, padding included."""
    losses: tuple[float, ...]
    """Of each micro-batch."""
    precisions: Counter[str]
    norms: tuple[float, ...]
    """Of each trainable tensor at the end."""
    peak_memory_bytes: int | None
    peak_gpu_memory_bytes: int | None
