"""Mixed precision in training and inference: autocast, its dtype, and where it cannot pay."""

from __future__ import annotations

import contextlib
import platform
from typing import TYPE_CHECKING, Self

import torch
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.stages.tally import Tally

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EMULATED = (
    "this CPU has no bf16 arithmetic (AVX-512 BF16 or AMX): autocast emulates it and costs time "
    "and energy"
)


BF16_CAPABILITY, FP16_CAPABILITY = (8, 0), (7, 0)
"""First CUDA compute capabilities whose tensor cores multiply these types."""


def resolve(precision: str, device: torch.device) -> str:
    """Return the precision; ``auto`` is the fastest that ``device`` computes in natively.

    On a processor that torch cannot ask for bf16 units that is FP32.
    """
    if precision != "auto":
        return precision
    if device.type != "cuda":
        return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"  # noqa: SLF001
    capability = torch.cuda.get_device_capability(device)
    if capability >= BF16_CAPABILITY:
        return "bf16"
    return "fp16" if capability >= FP16_CAPABILITY else "fp32"


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
    """Reads the dtypes in which a model's first and last plain linear layer answer in each pass.

    A layer with quantised weights is not plain: it answers in the dtype of its input. It is a
    context: the hooks are there within it.
    """

    def __init__(self, model: nn.Module) -> None:
        """Probe ``model`` whenever the context is entered."""
        self._dtypes: Tally[torch.dtype] = Tally("readings")
        plain = _plain_linears(model)
        self._probed = plain[:1] + plain[1:][-1:]
        self._hooks = contextlib.ExitStack()

    @property
    def seen(self) -> Tally[str]:
        """The precisions that were read; without readings before a pass, and if none is plain."""
        names = {dtype: name for name, dtype in DTYPES.items()}
        seen: Tally[str] = Tally("readings")
        for dtype, times in self._dtypes.counts.items():
            seen.counts[names.get(dtype, str(dtype))] = times
        return seen

    def __enter__(self) -> Self:
        """Set the hooks."""
        for linear in self._probed:
            self._hooks.callback(linear.register_forward_hook(self._read).remove)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the hooks."""
        self._hooks.close()

    def _read(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self._dtypes.counts[output.dtype] += 1


def _plain_linears(model: nn.Module) -> list[nn.Linear]:
    plain = []
    for module in model.modules():
        if type(module) is nn.Linear and type(module.weight) is nn.Parameter:
            plain.append(module)
    return plain


def note(asked: str, seen: Tally[str]) -> str:
    """Say which other precisions than ``asked`` were read; empty if there were none."""
    other = seen.exceptions(asked)
    if other:
        return f"requested {asked}, a linear layer computed in {other}"
    return "" if seen.total else f"requested {asked}, a linear layer computed in no known precision"


def doubts(precision: str, device: torch.device) -> tuple[str, ...]:
    """Warn if mixed precision cannot pay on ``device``."""
    if precision == "bf16" and device.type == "cpu" and _emulates_bf16():
        return (EMULATED,)
    return ()


def _emulates_bf16() -> bool:
    """Whether an x86 CPU lacks bf16 units; torch does not know it of other processors."""
    x86 = platform.machine() in {"x86_64", "AMD64"}
    return x86 and not torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001
