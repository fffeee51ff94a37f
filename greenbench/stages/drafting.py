"""Speculative decoding: something cheap guesses the next tokens, and the model checks them at once.

Every token that the model would not have written itself is thrown away, so that texts are the same
(Leviathan, Kalman and Matias, ICML 2023). The guesses come from a smaller model with the same
tokenizer, or from what follows the latest tokens elsewhere in the text (prompt lookup): a
translation repeats names of its source. transformers guesses for one text at a time.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from transformers import PreTrainedModel

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.key_value_cache import CacheWatch

NONE, PROMPT = "none", "prompt"
GUESSED = 10
"""Tokens that are looked up at a time."""


def loaded(draft: str, model: Checkpoint, device: torch.device) -> PreTrainedModel | None:
    """Return the drafting model on the device; None if no model drafts.

    Raises UsageError if it reads other tokens than ``model``.
    """
    if draft in {NONE, PROMPT}:
        return None
    smaller = replace(model, source=draft, revision=None)
    if smaller.tokenizer_file.read_bytes() != model.tokenizer_file.read_bytes():
        raise UsageError(
            f"inference.draft: {draft} has another tokenizer than {model.source}, so that its "
            "tokens mean other texts; name a smaller model of the same family, or prompt"
        )
    net: PreTrainedModel = smaller.load().to(device)
    return net.eval()


@contextlib.contextmanager
def drafted(net: PreTrainedModel, draft: str, drafter: PreTrainedModel | None) -> Iterator[None]:
    """Let ``net`` write with guesses in the context; a model that writes nothing has none."""
    if draft == NONE or not net.can_generate():
        yield
        return
    guesses: dict[str, Any] = {"prompt_lookup_num_tokens": GUESSED}
    if drafter is not None:
        guesses = {"assistant_model": drafter}
    own: Any = net
    own.generate = functools.partial(net.generate, **guesses)
    try:
        yield
    finally:
        del own.generate  # the class's own is in the way no more


def proof(asked: str, watch: CacheWatch, *, writes: bool) -> Applied:
    """Prove that passes checked guesses: passes of decoding with more than one token."""
    checks = watch.checks
    note, got = "", NONE
    if checks:
        got = asked
    elif asked != NONE:
        note = "no token was guessed in any pass"
        if not writes:
            note = "the model writes nothing: there is nothing to guess"
    if checks and asked == NONE:
        got, note = "guesses", f"requested none, and {checks} passes checked guesses"
    evidence = {}
    if checks:
        evidence = {"decode_passes": watch.passes["decode"], "checking_passes": checks}
    return Applied(
        stage="inference",
        knob="draft",
        asked=asked,
        got=got,
        how="passes after the first one of a text that read more than one token",
        note=note,
        evidence=evidence,
    )
