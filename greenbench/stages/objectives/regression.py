"""The objective of an encoder that estimates a number for each text.

It is trained on numbers of mean 0 and standard deviation 1, by those of the training split, so that
a learning rate fits whatever the unit is; answers are in the data's own unit.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import mse_loss

from greenbench.stages import packing
from greenbench.stages.objectives import validation_scores
from greenbench.stages.objectives.classification import Classification
from greenbench.stages.objectives.many_classes import outputs
from greenbench.stages.ranks.rank import ALONE, Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.classification import LabelledText
    from greenbench.stages.objectives.interface import Answers, Encoded, Loader, ModelInputs


class Regression(Classification):
    """Least squares with a head of one output."""

    noun = "texts"
    score_name = "r2"
    validation_score = staticmethod(validation_scores.r2)

    def __init__(self, tokenizer: Encoder, pad_id: int) -> None:
        """Make an objective whose numbers are not scaled yet."""
        super().__init__(tokenizer, pad_id)
        self._mean = 0.0
        self._scale = 1.0

    def training_rows(self, examples: Sequence[LabelledText]) -> Encoded:
        """Tokenise a split, and take the mean and the scale of its numbers."""
        given = [float(example.label) for example in examples]
        self._mean = statistics.fmean(given)
        self._scale = statistics.pstdev(given) or 1.0
        return self._rows(examples)

    def training_batch(self, rows: Sequence[tuple[list[int], int]]) -> dict[str, torch.Tensor]:
        """Pad on the right; ``labels`` are scaled numbers, of shape (batch,)."""
        batch = self.inference_batch(rows)
        given = torch.tensor([float(label) for _, label in rows])
        batch["labels"] = (given - self._mean) / self._scale
        return batch

    def loss(
        self,
        model: nn.Module,
        batch: ModelInputs,
        _step: Sequence[ModelInputs],
        _rank: Rank = ALONE,
    ) -> torch.Tensor:
        """Return the mean square; micro-batches are equally large, so their means average."""
        inputs = dict(batch)
        labels = inputs.pop("labels")
        given = packing.run(model, inputs).logits.float().squeeze(-1)
        return mse_loss(given, labels)

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> Answers:
        """Return a number in the data's unit for every example, in the loader's order."""
        found, self.answered = outputs(net, loader, device)
        scaled = found.squeeze(-1).double()
        answers: list[float] = (scaled * self._scale + self._mean).tolist()
        return answers
