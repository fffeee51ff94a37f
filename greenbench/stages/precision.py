"""Mixed precision in training and inference: autocast, its dtype, and where it cannot pay."""

from __future__ import annotations

import contextlib
import platform
from typing import TYPE_CHECKING

import torch
from torch import nn

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EMULATED = (
    "this CPU has no bf16 arithmetic (AVX-512 BF16 or AMX): autocast emulates it and costs time "
    "and energy"
)


def check(stage: str, precision: str, device: torch.device) -> None:
    """Raise UnavailableError if ``device`` cannot compute in ``precision``."""
    if precision == "fp16" and device.type != "cuda":
        raise UnavailableError(
            f"{stage}.precision: fp16 needs a CUDA device, and the cell runs on {device}; bf16 or "
            "fp32 would work"
        )


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Compute matrix products in ``precision`` within the context; ``fp32`` changes nothing."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


class PrecisionProbe:
    """Reads the dtype in which a model's first plain linear layer answers in its next pass.

    A layer with quantised weights is not plain: it answers in the dtype of its input.
    """

    def __init__(self, model: nn.Module) -> None:
        """Probe ``model``; the hook is removed after one pass."""
        self.name: str | None = None
        """``fp32``, ``bf16`` or ``fp16``; None before a pass, and if no layer is plain."""
        linear = _first_plain_linear(model)
        if linear is not None:
            self._hook = linear.register_forward_hook(self._read)

    def _read(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        names = {dtype: name for name, dtype in DTYPES.items()}
        self.name = names.get(output.dtype, str(output.dtype))
        self._hook.remove()


def _first_plain_linear(model: nn.Module) -> nn.Linear | None:
    for module in model.modules():
        if type(module) is nn.Linear and type(module.weight) is nn.Parameter:
            return module
    return None


def doubts(precision: str, device: torch.device) -> tuple[str, ...]:
    """Warn if mixed precision cannot pay on ``device``."""
    if precision == "bf16" and device.type == "cpu" and _emulates_bf16():
        return (EMULATED,)
    return ()


def _emulates_bf16() -> bool:
    """Whether an x86 CPU lacks bf16 units; torch does not know it of other processors."""
    x86 = platform.machine() in {"x86_64", "AMD64"}
    return x86 and not torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
