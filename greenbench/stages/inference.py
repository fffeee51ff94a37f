"""The inference stage as it was observed: its precision, its attention, and the layers that ran."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from greenbench.stages import precision
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from transformers import PreTrainedModel

    from greenbench.stages.ranks.pool import Ranks
    from greenbench.stages.tally import Tally


UNFUSED = "has_no_fused_attention"
"""Key of the evidence of a model whose family cannot attend with torch's fused attention."""
ATTENTION = {"sdpa": "sdpa", "eager": "eager", "flash": "flash_attention_2"}
"""What transformers calls the values of the knob."""


class _FusedAttentionCounter(TorchFunctionMode):
    """Counts the calls of torch's fused attention within its context."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(
        self,
        func: Callable[..., object],
        _types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        if func is scaled_dot_product_attention:
            self.calls += 1
        return func(*args, **(kwargs or {}))


class AttentionProbe:
    """Counts the calls of torch's fused attention in a model's next forward pass."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Probe ``model``; the hooks are removed after one pass, even if it fails."""
        self._stack = model.base_model
        self._counter = _FusedAttentionCounter()
        self._passed = False
        self._context = contextlib.ExitStack()
        self._hooks = [
            self._stack.register_forward_pre_hook(self._begin),
            self._stack.register_forward_hook(self._finish, always_call=True),
        ]

    @property
    def evidence(self) -> dict[str, object]:
        """The model's configured attention and the counted calls; None before a pass."""
        evidence: dict[str, object] = {
            "attention": getattr(self._stack.config, "_attn_implementation", None),
            "fused_attention_calls": self._counter.calls if self._passed else None,
        }
        if not getattr(self._stack, "_supports_sdpa", True):
            evidence[UNFUSED] = True
        return evidence

    def _begin(self, *_: object) -> None:
        self._context.enter_context(self._counter)

    def _finish(self, *_: object) -> None:
        self._context.close()
        self._passed = True
        self.__exit__()

    def __enter__(self) -> Self:
        """Do nothing: the hooks are there already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the hooks; without a pass there is nothing to tell."""
        for hook in self._hooks:
            hook.remove()


def choose_attention(net: PreTrainedModel, chosen: str, ranks: Ranks) -> None:
    """Set another attention than torch's fused one, which is the model's own, in every rank."""
    if chosen != "sdpa":
        name = ATTENTION[chosen]
        ranks.together("attend", name, lambda: net.set_attn_implementation(name))


def attention_proof(asked: str, probed: Mapping[str, Mapping[str, object]]) -> Applied:
    """Prove which attention ran, from the evidence of each stage that had a pass.

    Calls of the fused one are counted, and not believed: only without any the configured name
    stands for itself.
    """
    seen = {}
    for stage, evidence in probed.items():
        if evidence.get("fused_attention_calls") is not None:
            seen[stage] = _attention_of(evidence)
    unfused = any(evidence.get(UNFUSED) for evidence in probed.values())
    expected = "eager" if unfused and asked == "sdpa" else asked
    got = expected if seen else None
    other = []
    for stage, name in seen.items():
        if name != expected:
            got = name
            other.append(f"{name} in {stage}")
    how = "calls of torch's fused attention in the first pass of a stage, else the model's name"
    if unfused:
        how += "; transformers has no fused attention for this family: the baseline's is eager"
    note = ""
    if not seen and asked != "sdpa":
        note = f"requested {asked}, and no pass was seen"
    elif other:
        note = f"requested {asked}, seen {' and '.join(other)}"
    return Applied(
        stage="architecture",
        knob="attention",
        asked=asked,
        got=got,
        how=how,
        note=note,
        before="eager" if unfused else None,
        evidence=dict(probed),
    )


def _attention_of(evidence: Mapping[str, object]) -> str:
    if evidence["fused_attention_calls"]:
        return "sdpa"
    configured = evidence["attention"]
    for name, theirs in ATTENTION.items():
        if theirs == configured and name != "sdpa":
            return name
    return f"unfused {configured}"


def precision_proof(asked: str, seen: Tally[str], evidence: Mapping[str, object]) -> Applied:
    """Compare the precisions that inference computed in with the requested one."""
    return Applied(
        stage="inference",
        knob="precision",
        asked=asked,
        got=seen.usual,
        how=f"dtypes of a first and a last linear layer's outputs in every pass: {seen.total} read",
        note=precision.note(asked, seen),
        evidence={**evidence, "readings": dict(seen.counts)},
    )
