"""How many tokens a model has positions for, by its configuration."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BEHIND_PADDING = "create_position_ids_from_input_ids"
"""Method of embeddings, like RoBERTa's, whose first position is behind the padding token's id."""


def most_tokens(folder: Path) -> int | None:
    """Return the longest text that the model in ``folder`` takes; None if there is no limit."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    rows = getattr(config, "max_position_embeddings", None)
    if not isinstance(rows, int) or rows <= 0:
        return None
    family = AutoModel._model_mapping[type(config)]  # noqa: SLF001  it has no public name
    parts = vars(sys.modules[family.__module__]).values()
    if any(hasattr(part, BEHIND_PADDING) for part in parts):
        return rows - 1 - (config.pad_token_id or 0)
    return rows
