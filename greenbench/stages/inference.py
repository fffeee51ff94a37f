"""The inference stage as it was seen to compute: its precision, and the attention in use."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from greenbench.types import Applied

if TYPE_CHECKING:
    from torch import nn


class _Fused(TorchFunctionMode):
    """Counts the calls of torch's fused attention while it is open."""

    calls = 0

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += func is torch.nn.functional.scaled_dot_product_attention
        return func(*args, **(kwargs or {}))


class Attention:
    """Notes how often a model's next forward pass calls torch's fused attention, beside what its config says."""

    def __init__(self, model: nn.Module) -> None:
        """Watch ``model``; the hooks go after one pass, whether it succeeds or not."""
        stack: Any = model.base_model
        self._stack, self._fused, self._seen = stack, _Fused(), False
        self._open = contextlib.ExitStack()
        self._hooks = [
            stack.register_forward_pre_hook(self._begin),
            stack.register_forward_hook(self._finish, always_call=True),
        ]

    @property
    def evidence(self) -> dict[str, Any]:
        """The attention that the model is set to, and the calls that were seen; None where no pass was."""
        calls = self._fused.calls if self._seen else None
        config: Any = self._stack.config
        return {
            "attention": getattr(config, "_attn_implementation", None),
            "fused_attention_calls": calls,
        }

    def _begin(self, *_: Any) -> None:
        self._open.enter_context(self._fused)

    def _finish(self, *_: Any) -> None:
        self._open.close()
        self._seen = True
        for hook in self._hooks:
            hook.remove()


def precision_proof(asked: str, got: str | None, evidence: dict[str, Any]) -> Applied:
    """Compare the precision that inference was seen to compute in with the one asked for."""
    note = (
        ""
        if asked == got
        else f"asked for {asked}, a linear layer computed in {got or 'nothing that was seen'}"
    )
    how = "dtype of a linear layer's output at inference"
    return Applied(
        stage="inference",
        knob="precision",
        asked=asked,
        got=got,
        how=how,
        note=note,
        evidence=evidence,
    )
