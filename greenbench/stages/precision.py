"""Mixed precision, the same for training and inference: autocast, what it really computed in, and where it cannot pay."""

from __future__ import annotations

import contextlib
import platform
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EMULATED = "this CPU has no bf16 arithmetic (AVX-512 BF16 or AMX): autocast emulates it and costs time and energy"


def check(stage: str, precision: str, device: torch.device) -> None:
    """Raise UnavailableError where ``device`` cannot compute in ``precision``."""
    if precision == "fp16" and device.type != "cuda":
        raise UnavailableError(
            f"{stage}.precision: fp16 needs a CUDA device, and the cell runs on {device}; bf16 or fp32 would work"
        )


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Compute matrix products in ``precision`` while the context is open; ``fp32`` changes nothing."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


class Watched:
    """Notes the precision that a model's first plain linear layer computes in, in its next forward pass.

    A layer with quantised weights is none: it answers in whatever its input is held in.
    """

    def __init__(self, model: nn.Module) -> None:
        """Watch ``model``; the hook goes after one pass."""
        self.name: str | None = None
        """None until a pass is seen, and where no layer is plain."""
        plain = (
            m for m in model.modules() if type(m) is nn.Linear and type(m.weight) is nn.Parameter
        )
        linear = next(plain, None)
        self._hook = linear.register_forward_hook(self._note) if linear is not None else None

    def _note(self, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        names = {dtype: name for name, dtype in DTYPES.items()}
        self.name = names.get(output.dtype, str(output.dtype))
        if self._hook is not None:
            self._hook.remove()


def doubts(precision: str, device: torch.device) -> tuple[str, ...]:
    """Say where mixed precision cannot pay on ``device``."""
    return (EMULATED,) if precision == "bf16" and device.type == "cpu" and _emulates_bf16() else ()


def _emulates_bf16() -> bool:
    """Whether an x86 CPU lacks bf16 units; of other processors torch does not say."""
    return platform.machine() in {"x86_64", "AMD64"} and not torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
