"""The objectives of models: classification, regression, tagging and translation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.stages.objectives.classification import Classification
from greenbench.stages.objectives.many_classes import ManyClasses
from greenbench.stages.objectives.regression import Regression
from greenbench.stages.objectives.tagging import Tagging
from greenbench.stages.objectives.translation import Translation

if TYPE_CHECKING:
    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.interface import Objective
    from greenbench.types import TaskSize


def objective(tokenizer: Encoder, checkpoint: Checkpoint, size: TaskSize) -> Objective:
    """Return the objective of the head of ``checkpoint``; raises ValueError for an unknown one."""
    kind = checkpoint.head.kind
    if kind == "text-classification" and not size.one_probability:
        return ManyClasses(tokenizer, checkpoint.pad_id, class_weights=size.class_weights)
    if kind == "regression":
        return Regression(tokenizer, checkpoint.pad_id)
    if kind == "token-classification":
        return Tagging(tokenizer, checkpoint.pad_id)
    if kind == "text-classification":
        return Classification(tokenizer, checkpoint.pad_id, class_weights=size.class_weights)
    if kind == "causal-lm":
        pad_id, eos_id = checkpoint.pad_id, checkpoint.eos_id
        return Translation(tokenizer, pad_id, eos_id, size.max_new_tokens)
    raise ValueError(f"a head for {kind} has no objective")
