"""The data stage: text becomes token ids, and ids become batches.

Loading, deduplicating and splitting the data set happen before, outside every window: they are the
same for all variants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch.utils.data import DataLoader

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch.utils.data import Dataset, Sampler

    from greenbench.options import DataOptions
    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.interface import (
        Encoded,
        EncodedRow,
        Loader,
        ModelInputs,
        Objective,
        TaskExample,
    )


FURTHER = 2**31
"""What is added to a seed for further permutations."""


class ShuffledBatches:
    """Batch sampler: each epoch a new permutation, cut to whole effective batches.

    They are handed out in micro-batches. The permutation depends on the seed alone: accumulating 4
    micro-batches of 8 sees the examples in the order in which batches of 32 see them, and every
    optimizer step averages over the same examples.
    """

    def __init__(self, count: int, effective: int, micro: int, seed: int) -> None:
        """Raise UsageError if ``count`` examples do not fill one effective batch."""
        if count < effective:
            raise UsageError(
                f"training needs at least one batch of {effective} examples, and there are "
                f"{count}; give more data"
            )
        self.count = count
        self.effective = effective
        self.micro = micro
        self._seed = seed
        self._generator = torch.Generator().manual_seed(seed)
        # Accelerate reads these two of a batch sampler.
        self.batch_size = micro
        self.drop_last = True

    def further(self) -> ShuffledBatches:
        """Return the same with other permutations, which no round of a session has."""
        return ShuffledBatches(self.count, self.effective, self.micro, self._seed + FURTHER)

    @property
    def _used(self) -> int:
        """Examples of an epoch: those of its whole batches."""
        return self.count // self.effective * self.effective

    def __len__(self) -> int:
        """Micro-batches an epoch."""
        return self._used // self.micro

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of each micro-batch."""
        order = torch.randperm(self.count, generator=self._generator).tolist()
        for start in range(0, self._used, self.micro):
            yield order[start : start + self.micro]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What the data stage gives to the other stages."""

    train: Loader
    test: Loader
    objective: Objective
    calibration: Sequence[TaskExample] = ()
    """Validation examples for a rule that picks layers by them, not tokenised yet."""
    validation: Sequence[TaskExample] = ()
    """Validation examples that training is scored on, likewise."""
    batch_size: int
    """Examples of a batch at inference."""
    tokens_train: int
    tokens_test: int
    tokenizer_proof: Applied


def micro_batch(batch_size: int, accumulation_steps: int) -> int:
    """Return the examples of a micro-batch; raises UsageError if the batch cannot be divided so."""
    if batch_size % accumulation_steps:
        raise UsageError(
            f"training.accumulation_steps: {accumulation_steps} does not divide data.batch_size "
            f"{batch_size}; choose a divisor, so that the effective batch stays what it is"
        )
    return batch_size // accumulation_steps


def prepare(
    train: Sequence[TaskExample],
    test: Sequence[TaskExample],
    tokenizer: Encoder,
    objective: Objective,
    options: DataOptions,
    *,
    micro: int,
    seed: int,
    answered: int | None = None,
    calibration: Sequence[TaskExample] = (),
) -> Batches:
    """Tokenise the splits and batch them: shuffled for training, in order for inference.

    Batches of inference have ``answered`` examples, None for as many as those of training.
    ``calibration`` is passed on. Raises UsageError if ``train`` does not fill one batch.
    """
    answered = answered or options.batch_size
    texts = objective.training_texts
    rows, cached_in_training = encoded(tokenizer, objective.training_rows, train, texts)
    questions, cached_at_inference = encoded(tokenizer, objective.inference_rows, test, 1)
    cached = cached_in_training + cached_at_inference
    sampler = ShuffledBatches(len(train), options.batch_size, micro, seed)
    train_loader = DataLoader(
        cast("Dataset[EncodedRow]", rows),
        batch_sampler=cast("Sampler[list[int]]", sampler),
        collate_fn=objective.training_batch,
    )
    return Batches(
        train=train_loader,
        test=_ordered(questions, objective, answered),
        objective=objective,
        calibration=calibration,
        batch_size=answered,
        tokens_train=rows.tokens,
        tokens_test=questions.tokens,
        tokenizer_proof=_tokenizer_proof(tokenizer, options.tokenizer, cached),
    )


def in_order(objective: Objective, examples: Sequence[TaskExample], batch_size: int) -> Loader:
    """Tokenise examples and return their batches in order."""
    return _ordered(objective.inference_rows(examples), objective, batch_size)


def _ordered(rows: Encoded, objective: Objective, batch_size: int) -> Loader:
    return DataLoader(
        cast("Dataset[EncodedRow]", rows),
        collate_fn=objective.inference_batch,
        batch_size=batch_size,
    )


def encoded(
    tokenizer: Encoder,
    tokenise: Callable[[Sequence[TaskExample]], Encoded],
    examples: Sequence[TaskExample],
    texts: int,
) -> tuple[Encoded, int]:
    """Return the rows of ``examples``, and how many texts the tokenizer did not encode for them.

    Each example has ``texts`` texts; ids of the missing ones came from a cache.
    """
    before = tokenizer.encoded
    rows = tokenise(examples)
    newly_encoded = tokenizer.encoded - before
    missing = texts * len(examples) - newly_encoded
    return rows, max(0, missing)


def calibration_batches(batches: Batches) -> Iterator[ModelInputs]:
    """Tokenise the validation examples, if there are any, and yield them in batches."""
    if not batches.calibration:
        return
    objective, size = batches.objective, batches.batch_size
    rows = objective.validation_rows(batches.calibration).rows
    for start in range(0, len(rows), size):
        yield objective.training_batch(rows[start : start + size])


def _tokenizer_proof(tokenizer: Encoder, asked: str, cached: int) -> Applied:
    """Name the live tokenizer by its class, and say whether it encoded every text."""
    live = type(getattr(tokenizer, "tokenizer", tokenizer))
    name = f"{live.__module__}.{live.__qualname__}"
    package = live.__module__.partition(".")[0]
    kinds = {"greenbench": "python", "tokenizers": "rust"}
    got = kinds.get(package, live.__module__)
    note = ""
    if got != asked:
        note = f"the tokenizer in use is {name}"
    elif cached:
        note = f"the ids of {cached} texts came from a cache: their tokenisation was not measured"
    return Applied(
        stage="data",
        knob="tokenizer",
        asked=asked,
        got=got,
        how=f"class of the live tokenizer: {name}",
        note=note,
        evidence={"texts_encoded": tokenizer.encoded, "texts_from_cache": cached},
    )
