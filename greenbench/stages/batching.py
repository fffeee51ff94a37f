"""Which examples share a batch, and how rows of unequal lengths become one.

Padding is computed like any other token. Examples of one length share a batch without any
(bucketing; Khomenko et al. 2016, arXiv:1708.05604), several examples share a row
(``stages.packing``), or all batches are as wide as can be, so that a compiler sees a single shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch.nn import functional

from greenbench.errors import UsageError
from greenbench.stages import packing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenbench.options import DataOptions
    from greenbench.stages.objectives.interface import (
        Answers,
        EncodedRow,
        Loader,
        ModelInputs,
        Objective,
    )

T = TypeVar("T")


def check(options: DataOptions, ranks: int) -> None:
    """Raise UsageError for data options that contradict each other, or training in ``ranks``."""
    if options.workers and ranks > 1:
        raise UsageError(
            f"data.workers: {options.workers} processes would make batches beside each of the "
            f"{ranks} that train; set workers: 0, or name one device"
        )
    if options.padding == "fixed" and options.batching != "plain":
        raise UsageError(
            f"data.padding: fixed pads every batch to one width, and data.batching: "
            f"{options.batching} saves padding; set padding: longest, or batching: plain"
        )


def longest_first(numbers: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """Return ``numbers`` of examples by descending length; equal ones keep their order.

    The batch that needs the most memory comes first.
    """
    return sorted(numbers, key=lambda number: -lengths[number])


def cut(numbers: Sequence[T], size: int) -> list[list[T]]:
    """Return ``numbers`` in pieces of ``size``; the last may be smaller."""
    pieces = []
    for start in range(0, len(numbers), size):
        pieces.append(list(numbers[start : start + size]))
    return pieces


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


class SortedSteps:
    """Batch sampler: the optimizer steps of another, the examples of each divided by length.

    Each step averages over the same examples, so its gradient is the same up to rounding.
    """

    def __init__(self, steps: ShuffledBatches, lengths: Sequence[int]) -> None:
        """Divide the steps of ``steps`` into their micro-batches by ``lengths`` of the examples."""
        self._steps = steps
        self._lengths = lengths
        # Accelerate reads these two of a batch sampler.
        self.batch_size = steps.batch_size
        self.drop_last = True

    def __len__(self) -> int:
        """Micro-batches an epoch."""
        return len(self._steps)

    def further(self) -> SortedSteps:
        """Return the same for further permutations."""
        return SortedSteps(self._steps.further(), self._lengths)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of each micro-batch, those of the longest examples of a step first."""
        step: list[int] = []
        for micro_batch in self._steps:
            step += micro_batch
            if len(step) == self._steps.effective:
                yield from cut(longest_first(step, self._lengths), self.batch_size)
                step = []


class LengthOrder:
    """Batch sampler: all examples by length, the longest first."""

    def __init__(self, lengths: Sequence[int], size: int) -> None:
        """Put examples of these ``lengths`` into batches of ``size``."""
        self._order = longest_first(range(len(lengths)), lengths)
        self._batches = cut(self._order, size)

    def __len__(self) -> int:
        """Batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of each batch."""
        return iter(self._batches)

    def restored(self, answers: Answers) -> Answers:
        """Return answers that came in this order in that of the examples."""
        in_order = list(answers)
        for number, answer in zip(self._order, answers, strict=True):
            in_order[number] = answer
        return cast("Answers", in_order)


def in_examples_order(loader: Loader, answers: Answers) -> Answers:
    """Return answers that came in the order of ``loader`` in that of its examples."""
    sampler = loader.batch_sampler
    return sampler.restored(answers) if isinstance(sampler, LengthOrder) else answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation:
    """Makes a batch of rows as the objective does, then packs or widens it as the options say."""

    collate: Callable[[Sequence[EncodedRow]], dict[str, torch.Tensor]]
    pad_id: int
    packs: bool = False
    width: int | None = None
    """Tokens that every row is padded to; None pads to the longest of the batch."""
    left: bool = False
    """Whether padding stands on the left."""

    def __call__(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        """Return the batch of ``rows``."""
        batch = self.collate(rows)
        if self.packs:
            return packing.pack(batch, self.pad_id)
        if self.width is None:
            return batch
        return self._widened(batch, self.width)

    def _widened(self, batch: ModelInputs, width: int) -> dict[str, torch.Tensor]:
        fills = {"input_ids": self.pad_id, "attention_mask": 0, "labels": packing.IGNORED}
        missing = width - batch["input_ids"].shape[1]
        sides = (missing, 0) if self.left else (0, missing)
        widened = dict(batch)
        for name, fill in fills.items():
            if name in batch and batch[name].ndim > 1:
                widened[name] = functional.pad(batch[name], sides, value=fill)
        return widened


def training_collation(objective: Objective, options: DataOptions, widest: int) -> Collation:
    """Return what makes batches to train on; an input has ``widest`` tokens at most."""
    widest += objective.longest_target
    return Collation(
        collate=objective.training_batch,
        pad_id=objective.pad_id,
        packs=options.batching == "packed",
        width=widest if options.padding == "fixed" else None,
    )


def inference_collation(objective: Objective, options: DataOptions, widest: int) -> Collation:
    """Return what makes batches to answer; rows that are generated from are not packed."""
    return Collation(
        collate=objective.inference_batch,
        pad_id=objective.pad_id,
        packs=options.batching == "packed" and not objective.longest_target,
        width=widest if options.padding == "fixed" else None,
        left=objective.longest_target > 0,
    )
