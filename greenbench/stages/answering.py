"""The ways in which a model is run at inference: its precision, its cache, and rows that leave."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from greenbench.stages import drafting, key_value_cache, precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from transformers import PreTrainedModel

    from greenbench.options import InferenceOptions
    from greenbench.stages.early_exit import RowExits


@contextlib.contextmanager
def ways(
    net: PreTrainedModel,
    options: InferenceOptions,
    device: torch.device,
    exits: RowExits | None,
    drafter: PreTrainedModel | None,
) -> Iterator[None]:
    """Run ``net`` in the context as ``options`` say; ``exits`` None lets no row leave.

    ``drafter`` is the model that guesses tokens, None if there is none.
    """
    cache = key_value_cache.chosen(net, options.cache)
    drafts = drafting.drafted(net, options.draft, drafter)
    leaving = exits or contextlib.nullcontext()
    with precision.autocast(options.precision, device), cache, drafts, leaving:
        yield
