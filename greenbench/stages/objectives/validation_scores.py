"""Scores of a model in training on validation examples: cheap ones, a single pass over each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from greenbench.stages.objectives.interface import on_device
from greenbench.stats.classification_scores import best_mcc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenbench.stages.objectives.interface import ModelInputs

IGNORED = -100
"""Label of a token that does not count."""


def mcc(net: nn.Module, batches: Sequence[ModelInputs], device: torch.device) -> float:
    """Return Matthews' correlation at the threshold where it is highest; 0 if there is none."""
    labels, of_class_1 = [], []
    for batch in batches:
        inputs = on_device(batch, device)
        labels.append(inputs.pop("labels"))
        probabilities = net(**inputs).logits.float().softmax(-1)
        of_class_1.append(probabilities[:, 1])
    true = torch.cat(labels).cpu()
    answered = torch.cat(of_class_1).cpu()
    return best_mcc(true.numpy(), answered.double().numpy())


def accuracy(net: nn.Module, batches: Sequence[ModelInputs], device: torch.device) -> float:
    """Return the share of examples whose likeliest class is the right one."""
    given, labels = _answered(net, batches, device)
    return float((given.argmax(-1) == labels).double().mean())


def r2(net: nn.Module, batches: Sequence[ModelInputs], device: torch.device) -> float:
    """Return the share of the variance of the numbers that answers explain."""
    given, labels = _answered(net, batches, device)
    squares = ((given.squeeze(-1) - labels) ** 2).sum()
    around_mean = ((labels - labels.mean()) ** 2).sum()
    return float(1 - squares / around_mean) if around_mean > 0 else 0.0


def _answered(
    net: nn.Module, batches: Sequence[ModelInputs], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the outputs for all examples, and what is right."""
    given, labels = [], []
    for batch in batches:
        inputs = on_device(batch, device)
        labels.append(inputs.pop("labels"))
        given.append(net(**inputs).logits.float())
    return torch.cat(given).cpu(), torch.cat(labels).cpu()


def tag_accuracy(net: nn.Module, batches: Sequence[ModelInputs], device: torch.device) -> float:
    """Return the share of words whose likeliest tag is the right one."""
    right = total = 0
    for batch in batches:
        inputs = on_device(batch, device)
        labels = inputs.pop("labels")
        counted = labels != IGNORED
        hits = net(**inputs).logits.argmax(-1) == labels
        right += int(hits[counted].sum())
        total += int(counted.sum())
    return right / max(1, total)


def token_accuracy(net: nn.Module, batches: Sequence[ModelInputs], device: torch.device) -> float:
    """Return the share of target tokens that are the likeliest ones after what precedes them.

    It needs one pass a batch, where writing needs one a token.
    """
    right = total = 0
    for batch in batches:
        inputs = on_device(batch, device)
        labels = inputs.pop("labels")[:, 1:]
        logits = net(**inputs).logits[:, :-1]
        counted = labels != IGNORED
        hits = logits.argmax(-1) == labels
        right += int(hits[counted].sum())
        total += int(counted.sum())
    return right / max(1, total)
