"""The objective of an encoder that gives each text one of several labels.

The answer is the probability of each class; the likeliest one is the label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from greenbench.stages import packing
from greenbench.stages.objectives import validation_scores
from greenbench.stages.objectives.classification import Classification
from greenbench.stages.objectives.interface import AnsweredBatch, on_device

if TYPE_CHECKING:
    from torch import nn

    from greenbench.stages.objectives.interface import Answers, Loader


class ManyClasses(Classification):
    """Classification with any number of classes."""

    noun = "texts"
    score_name = "accuracy"
    validation_score = staticmethod(validation_scores.accuracy)

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> Answers:
        """Return the probability of each class for every example, in the loader's order."""
        logits, self.answered = outputs(net, loader, device)
        answers: list[list[float]] = logits.softmax(-1).tolist()
        return answers


def outputs(
    net: nn.Module, loader: Loader, device: torch.device
) -> tuple[torch.Tensor, tuple[AnsweredBatch, ...]]:
    """Return a head's outputs for every example, shape (examples, outputs), and what was read."""
    net.eval()
    found = []
    shapes = []
    for batch in loader:
        inputs = on_device(batch, device)
        rows, tokens = inputs["input_ids"].shape
        shapes.append(AnsweredBatch(rows, tokens, packed=packing.examples(inputs)))
        found.append(packing.run(net, inputs).logits.float())
    return torch.cat(found), tuple(shapes)
