"""What the stages need of an objective, and what passes between them: rows and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.utils.data import DataLoader

from greenbench.stages.ranks.rank import ALONE, Rank

if TYPE_CHECKING:
    from torch import nn

TaskExample = Any
"""An example as its objective reads it: a ``LabelledText``, ``TaggedText`` or ``TextPair``."""
EncodedRow = Any
"""An example as token ids, in the form that its objective makes batches of."""
Answers = Sequence[float] | Sequence[str] | Sequence[Sequence[float]]
"""For each example a probability or a number, a text, the probability of each class, or tags."""
ModelInputs = Mapping[str, torch.Tensor]
"""A batch: ``input_ids`` and ``attention_mask``, and in training ``labels``.

Where several examples share a row, also what ``stages.packing`` adds."""
Loader = DataLoader[EncodedRow]


def on_device(batch: ModelInputs, device: torch.device) -> dict[str, torch.Tensor]:
    """Return the tensors of ``batch`` on ``device``."""
    return {name: tensor.to(device) for name, tensor in batch.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One split as token ids, a row an example, with the number of its tokens."""

    rows: Sequence[EncodedRow]
    lengths: Sequence[int]
    """Tokens of each row; padding is not counted."""
    longest_input: int
    """Tokens of the longest input, which is cut where it is too long."""

    @property
    def tokens(self) -> int:
        """Tokens of all rows."""
        return sum(self.lengths)

    def __len__(self) -> int:
        """Examples in the split."""
        return len(self.rows)

    def __getitem__(self, index: int) -> EncodedRow:
        """One example."""
        return self.rows[index]


@dataclass(frozen=True, slots=True)
class AnsweredBatch:
    """The shape of a batch that was answered."""

    rows: int
    tokens: int
    """In each row, padding included: it is computed like any other token."""
    written: int = 0
    """Tokens that were generated in each row."""
    cached: int = 0
    """Tokens that a static cache holds, written or not; 0 for one that grows."""
    packed: int = 0
    """Examples that share its rows; 0 if each has one of its own."""

    @property
    def examples(self) -> int:
        """Examples that it answers."""
        return self.packed or self.rows


class Objective(Protocol):
    """What a model is trained for: examples become rows, rows batches, and batches answers."""

    training_texts: int
    """Texts of an example that are tokenised for training: a source and a target are two."""
    pad_id: int
    """Token that rows are padded with."""
    longest_target: int
    """Most tokens that follow an input, of a target or of an answer; 0 if nothing is generated.

    Rows that are generated from are padded on the left."""

    def training_rows(self, examples: Sequence[TaskExample]) -> Encoded:
        """Tokenise examples to train on."""

    def validation_rows(self, examples: Sequence[TaskExample]) -> Encoded:
        """Tokenise examples in the form of those to train on; training is not changed by it."""

    def inference_rows(self, examples: Sequence[TaskExample]) -> Encoded:
        """Tokenise examples to be answered."""

    def training_batch(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        """Collate rows; ``labels`` has one entry an example in its first dimension."""

    def inference_batch(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        """Collate rows into the tensors that the model is called with."""

    def loss(
        self, model: nn.Module, batch: ModelInputs, step: Sequence[ModelInputs], rank: Rank = ALONE
    ) -> torch.Tensor:
        """Return the loss of one micro-batch of the optimizer step that consists of ``step``.

        Averaged over the micro-batches of a step, and over the ranks that each have their part of
        them, it is the loss of the step's examples together.
        """

    score_name: str
    """What ``validation_score`` is called."""

    def validation_score(
        self, net: nn.Module, batches: Sequence[ModelInputs], device: torch.device
    ) -> float:
        """Return the score of a model in training on collated validation rows; more is better."""

    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> Answers:
        """Return the model's answer to each example, in the loader's order."""

    @property
    def tokens_generated(self) -> int:
        """Tokens that ``answer`` has written, end tokens included."""

    @property
    def answered(self) -> Sequence[AnsweredBatch]:
        """Shapes of the batches of the latest ``answer``."""

    def doubts(self) -> tuple[str, ...]:
        """Return warnings about inputs and outputs that were cut."""
