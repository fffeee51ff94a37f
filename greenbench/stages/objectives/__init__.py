"""Which objective a model serves: one literal table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.stages.objectives.classification import Classification
from greenbench.stages.objectives.translation import Translation

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.stages.data import Encoder, Objective
    from greenbench.types import TaskSize

OBJECTIVES: dict[str, Callable[[Encoder, Any, TaskSize], Objective]] = {
    "classification": lambda tokenizer, model, size: Classification(
        tokenizer, model.pad_id, size.class_weights
    ),
    "translation": lambda tokenizer, model, size: Translation(
        tokenizer, model.pad_id, model.eos_id, size.max_new_tokens
    ),
}
"""Name, as a model's handle tells it, to how the objective is made of tokenizer, handle and size."""


def objective(tokenizer: Encoder, model: Any, size: TaskSize) -> Objective:
    """Return the objective that ``model`` (a handle of a checkpoint) serves."""
    return OBJECTIVES[model.objective](tokenizer, model, size)
