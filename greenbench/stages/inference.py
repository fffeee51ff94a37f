"""The inference stage as it was seen to compute: its precision, and the attention in use."""

from __future__ import annotations

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


@torch.inference_mode()
def attention(model: nn.Module, device: torch.device) -> dict[str, Any]:
    """Return which attention the live model is set to, and how often one short pass really called torch's fused one."""
    stack: Any = model.eval().base_model
    with _Fused() as seen:
        stack(input_ids=torch.tensor([[0, 0]], device=device))
    return {"attention": getattr(stack.config, "_attn_implementation", None), "fused_attention_calls": seen.calls}


def precision_proof(asked: str, got: str, evidence: dict[str, Any]) -> Applied:
    """Compare the precision that inference was seen to compute in with the one asked for."""
    note = "" if asked == got else f"asked for {asked}, a linear layer computed in {got}"
    how = "dtype of a linear layer's output at inference"
    return Applied(stage="inference", knob="precision", asked=asked, got=got, how=how, note=note, evidence=evidence)
