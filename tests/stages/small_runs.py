"""Real cells in small: the shipped start, generated C functions, and a few steps on the CPU."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from greenbench.data.examples import Example
from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES
from greenbench.data.synthetic.c_functions import generate
from greenbench.options import DataOptions, TrainingOptions
from greenbench.stages import data, encoders, isolation, training
from greenbench.stages.objectives.classification import Classification
from greenbench.stages.ranks.pool import Ranks
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from torch import nn

    from greenbench.stages.data import Batches
    from greenbench.stages.objectives.interface import Answers, TaskExample
    from greenbench.stages.toggles import Toggles
    from greenbench.stages.training_log import TrainingLog
    from greenbench.types import TaskSize

SIZE = BUILT_IN["T2"].sizes["tiny"]
SHORT = replace(SIZE, max_tokens=24)
"""Texts are cut early where only counts and proofs matter."""
START = Checkpoint("M2", SIZE.model, head=TWO_CLASSES)
CPU = torch.device("cpu")
BASELINE = TrainingOptions()


def functions(count: int, seed: int = 0) -> tuple[Example, ...]:
    """Make ``count`` generated C functions."""
    return tuple(Example(text=f.text, label=int(f.vulnerable)) for f in generate(count, seed))


def batched(
    train: Sequence[Example],
    test: Sequence[Example],
    options: TrainingOptions = BASELINE,
    batch_size: int = 32,
    size: TaskSize = SIZE,
) -> Batches:
    """Tokenise with the Rust tokenizer, which is faster and gives the same ids, and batch."""
    tokenizer = encoders.encoder("rust", START.tokenizer_file, size.max_tokens)
    return data.prepare(
        train,
        test,
        tokenizer,
        Classification(tokenizer, START.pad_id),
        DataOptions(tokenizer="rust", batch_size=batch_size),
        micro=data.micro_batch(batch_size, options.accumulation_steps),
        seed=0,
    )


def classify(net: nn.Module, batches: Batches) -> list[float]:
    """Return the probability of class 1 for every test example."""
    return batches.objective.answer(net, batches.test, CPU)


def fine_tuned(
    batches: Batches, options: TrainingOptions = BASELINE, learning_rate: float | None = None
) -> tuple[nn.Module, TrainingLog]:
    """Fine-tune the shipped checkpoint after a reset, as the profile says or at another rate."""
    isolation.reset(0)
    net = START.load()
    size = SIZE if learning_rate is None else replace(SIZE, learning_rate=learning_rate)
    return net, training.finetune(net, batches, options, size, Ranks("cpu"))


def run_stages(
    toggles: Toggles,
    train: Sequence[TaskExample],
    test: Sequence[TaskExample],
    valid: Sequence[TaskExample] = (),
    start: Checkpoint = START,
    system: AbstractContextManager[object] | None = None,
) -> tuple[nn.Module, Batches, Answers]:
    """Run the stages of a cell after a reset, as the pipeline does; return what it works on.

    ``system`` is the system stage, whose settings hold after the reset.
    """
    with toggles.quiet():
        toggles.reset(0)
    with toggles.quiet(), system or nullcontext():
        batches = toggles.data(train, test, start, 0, valid=valid)
        net = toggles.architecture(start)
        if toggles.compiles:
            net = toggles.compilation(net, batches)
        if toggles.finetunes:
            net = toggles.training(net, batches)
        if toggles.shortens:
            net = toggles.shortening(net, batches)
        if toggles.heals:
            net = toggles.healing(net, batches)
        if toggles.converts:
            net = toggles.conversion(net)
        answers = toggles.inference(net, batches)
    return net, batches, answers
