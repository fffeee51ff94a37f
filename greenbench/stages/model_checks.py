"""What a model's family cannot do of what the options ask: refused before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.options import ArchitectureOptions, InferenceOptions
from greenbench.stages import exit_head, packing_check
from greenbench.stages.stack import stack_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from greenbench.options import Options


def refuse(net: PreTrainedModel, options: Options, pad_id: int) -> None:
    """Raise UsageError or UnavailableError for a knob that ``net`` cannot obey.

    Layers that share weights are refused where layers are chosen.
    """
    _refuse_attention(net, options.architecture)
    if options.data.batching == "packed":
        packing_check.refuse_other_answers(net, pad_id)
    _refuse_cache(net, options.inference)
    if options.inference.exit_confidence is not None and not net.can_generate():
        stack_of(net).refuse_shared("inference.exit_confidence")
        exit_head.refuse_others(net)


def _refuse_attention(net: PreTrainedModel, options: ArchitectureOptions) -> None:
    asked = options.attention
    if asked == ArchitectureOptions().attention or stack_of(net).has_attention:
        return
    raise UsageError(
        f"architecture.attention: {asked} was requested, and the layers of {type(net).__name__} "
        "do not attend; leave it out"
    )


def _refuse_cache(net: PreTrainedModel, options: InferenceOptions) -> None:
    asked = options.cache
    if asked == InferenceOptions().cache or not net.can_generate():
        return
    if not net._can_compile_fullgraph:  # noqa: SLF001  transformers asks it of a static cache
        raise UsageError(
            f"inference.cache: {asked} was requested, and transformers has none for "
            f"{type(net).__name__}; leave it out"
        )
