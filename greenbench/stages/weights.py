"""The linear weights of a live model: their formats, and how far conversion moved them."""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bitsandbytes.nn import Linear4bit, Linear8bitLt

NAMES = {
    torch.float32: "fp32",
    torch.int8: "int8",
    torch.float8_e4m3fn: "fp8",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.uint8: "nf4",
}
DIGITS = {"fp8": 3, "bf16": 7, "fp16": 10}
"""Binary digits behind the point of each floating-point format: a step is so small a part."""
SHARES = {"int8": 1 / 127, "nf4": 0.3038}
"""Widest step of the other formats, as a share of the row's largest weight."""
ROUNDED = 0.75
"""Steps that rounding may move a weight: half a one, and what passing through FP16 adds."""
TINY = 1e-12
"""Keeps the step of a row of zeros from being zero."""


def head_of(model: nn.Module) -> str:
    """Return the name of the module that gives the answer, whose weights stay in FP32.

    That is the last one beside a model's body that has a linear layer; empty if there is none.
    """
    body = getattr(model, "base_model_prefix", "")
    children = dict(model.named_children())
    if body not in children:
        return ""
    for name, child in reversed(children.items()):
        linears = [module for module in child.modules() if isinstance(module, nn.Linear)]
        if linears and name != body:
            return name
    return ""


def convertible(model: nn.Module) -> dict[str, nn.Linear]:
    """Return by name the linear layers that may be converted, or are."""
    head = head_of(model)
    linears = {}
    for name, module in model.named_modules():
        first_part = name.partition(".")[0]
        if isinstance(module, nn.Linear) and first_part != head:
            linears[name] = module
    return linears


def held_formats(model: nn.Module) -> dict[str, dict[str, int]]:
    """Return the bytes of the convertible weights by module and by format.

    Modules of all layers are put together: ``model.layers.*.mlp``.
    """
    sizes: dict[str, dict[str, int]] = {}
    for name, module in convertible(model).items():
        stored = stored_tensor(module.weight)
        size = module.weight.numel() * stored.element_size()
        without_number = re.sub(r"\.\d+\b", ".*", name)
        by_format = sizes.setdefault(without_number, {})
        held = format_of(module)
        by_format[held] = by_format.get(held, 0) + size
    return sizes


def classes(model: nn.Module) -> dict[str, int]:
    """Return how many convertible layers have each class of module and weight."""
    counts: Counter[str] = Counter()
    for module in convertible(model).values():
        layer, weight = type(module).__name__, type(module.weight).__name__
        counts[f"{layer}[{weight}]"] += 1
    return dict(counts)


def stored_tensor(weight: torch.Tensor) -> torch.Tensor:
    """Return the tensor that is stored: torchao wraps it."""
    stored: torch.Tensor = getattr(weight, "qdata", weight)
    return stored


def format_of(module: nn.Linear) -> str:
    """Return the format that the weights of ``module`` are held in."""
    dtype = stored_tensor(module.weight).dtype
    return NAMES.get(dtype, str(dtype))


def library_of(module: nn.Linear) -> str:
    """Return the library that holds the weights, or ``none`` for those of FP32.

    The modules are of a class of bitsandbytes, the tensors of one of torchao; all else is torch.
    """
    for kind in (type(module), type(module.weight)):
        package = kind.__module__.partition(".")[0]
        if package in {"bitsandbytes", "torchao"}:
            return package
    return "none" if format_of(module) == "fp32" else "torch"


def held(model: nn.Module) -> dict[str, tuple[str, str]]:
    """Return format and library of each convertible layer's weights by name."""
    return {name: (format_of(m), library_of(m)) for name, m in convertible(model).items()}


def values(module: nn.Linear) -> torch.Tensor:
    """Return the numbers that a layer's weight stands for, of shape (outputs, inputs)."""
    library = library_of(module)
    if library == "torchao":
        return torch.as_tensor(module.weight.dequantize())
    weight = module.weight.detach()
    if library == "bitsandbytes" and format_of(module) == "nf4":
        return _values_of_nf4(module)
    if library == "bitsandbytes":
        # Rows of -127 to 127 with a scale each.
        scales = _row_scales(module).float()
        return weight.float() * scales[:, None] / 127
    return weight


def _values_of_nf4(module: Linear4bit) -> torch.Tensor:
    """Return what 4-bit weights stand for; a pass on a CPU has put them into another order."""
    from bitsandbytes import functional

    packed, state = module.weight.data, copy.copy(module.weight.quant_state)
    if getattr(state, "packing_format_for_cpu", False):
        packed, state = functional._convert_weight_packed_for_cpu_inverse(packed, state)  # noqa: SLF001
        state.absmax = state.absmax.T.float().reshape(-1)  # the inverse forgets them
    return torch.as_tensor(functional.dequantize_4bit(packed, state))


def thresholds(model: nn.Module) -> tuple[set[float], int]:
    """Return the thresholds of the live layers of LLM.int8(), and how many columns were above.

    The columns are those of the latest pass, of all layers together.
    """
    found: set[float] = set()
    outliers = 0
    for module in convertible(model).values():
        state = getattr(module, "state", None)
        if library_of(module) == "bitsandbytes" and state is not None:
            found.add(float(state.threshold))
            columns = getattr(state, "idx", None)
            outliers += 0 if columns is None else len(columns)
    return found, outliers


def _row_scales(module: Linear8bitLt) -> torch.Tensor:
    """Return the scales of the rows, which bitsandbytes moves from weight to state in a pass."""
    scales: torch.Tensor | None = module.weight.SCB
    if scales is None:
        scales = module.state.SCB
    return torch.as_tensor(scales)


@torch.no_grad()
def deviation(model: nn.Module, trained: Mapping[str, torch.Tensor]) -> float | None:
    """Return the largest distance of a converted weight from its trained value, in steps.

    ``trained`` holds rows of trained matrices by name. Rounding moves a weight by half a step. A
    step of INT8 is a 127th of the row's largest weight, one of NF4 0.3 of it, its widest; one of
    FP8 (e4m3), BF16 and FP16 a part of the weight itself; FP32 has none: any other weight is
    infinitely far. None if nothing was trained.
    """
    distances = []
    for name, module in convertible(model).items():
        rows = trained.get(f"{name}.weight")
        if rows is not None:
            distances.append(steps_apart(rows, module))
    return max(distances, default=None)


def steps_apart(rows: torch.Tensor, module: nn.Linear) -> float:
    """Return the largest distance of the weights of ``module`` from ``rows``, in steps."""
    return apart(rows, values(module).float(), format_of(module))


def apart(rows: torch.Tensor, weights: torch.Tensor, held: str) -> float:
    """Return the largest distance of ``weights``, held so, from some of their trained rows."""
    every = max(1, len(weights) // len(rows))
    weights = weights[::every][: len(rows)].to(rows.device)
    distance = (weights - rows).abs()
    largest = rows.abs().amax(dim=1, keepdim=True)
    if held in SHARES:
        step = (largest * SHARES[held]).clamp_min(TINY)
        return float((distance / step).max())
    if held in DIGITS:
        step = (rows.abs() / 2 ** DIGITS[held]).clamp_min(TINY)
        # Weights far below the row's largest are subnormal in FP8 and have other steps.
        normal = rows.abs() > largest / 64
        return float((distance / step)[normal].max())
    return 0.0 if torch.equal(weights, rows) else float("inf")
