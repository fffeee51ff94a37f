"""The linear weights of a live model: their formats, and how far conversion moved them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bitsandbytes.nn import Linear8bitLt

KEPT = ("classifier", "lm_head", "score")
"""Modules whose weights stay in FP32, by the last part of their name."""
NAMES = {
    torch.float32: "fp32",
    torch.int8: "int8",
    torch.float8_e4m3fn: "fp8",
    torch.bfloat16: "bf16",
}
TINY = 1e-12
"""Keeps the step of a row of zeros from being zero."""


def convertible(model: nn.Module) -> dict[str, nn.Linear]:
    """Return by name the linear layers that may be converted, or are."""
    linears = {}
    for name, module in model.named_modules():
        last_part = name.rpartition(".")[2]
        if isinstance(module, nn.Linear) and last_part not in KEPT:
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
    """Return the library that holds the weights, or ``none``.

    The modules are of a class of bitsandbytes, the tensors of one of torchao.
    """
    for kind in (type(module), type(module.weight)):
        package = kind.__module__.partition(".")[0]
        if package in {"bitsandbytes", "torchao"}:
            return package
    return "none"


def held(model: nn.Module) -> dict[str, tuple[str, str]]:
    """Return format and library of each convertible layer's weights by name."""
    return {name: (format_of(m), library_of(m)) for name, m in convertible(model).items()}


def values(module: nn.Linear) -> torch.Tensor:
    """Return the numbers that a layer's weight stands for, of shape (outputs, inputs)."""
    library = library_of(module)
    if library == "torchao":
        return torch.as_tensor(module.weight.dequantize())
    weight = module.weight.detach()
    if library == "bitsandbytes":
        # Rows of -127 to 127 with a scale each.
        scales = _row_scales(module).float()
        return weight.float() * scales[:, None] / 127
    return weight


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
    step of INT8 is a 127th of the row's largest weight, one of FP8 (e4m3) an eighth of the weight
    itself; FP32 has none: any other weight is infinitely far. None if nothing was trained.
    """
    distances = []
    for name, module in convertible(model).items():
        rows = trained.get(f"{name}.weight")
        if rows is not None:
            distances.append(steps_apart(rows, module))
    return max(distances, default=None)


def steps_apart(rows: torch.Tensor, module: nn.Linear) -> float:
    """Return the largest distance of the weights of ``module`` from ``rows``, in steps."""
    weights = values(module).float()
    every = max(1, len(weights) // len(rows))
    weights = weights[::every][: len(rows)].to(rows.device)
    distance = (weights - rows).abs()
    largest = rows.abs().amax(dim=1, keepdim=True)
    held = format_of(module)
    if held == "int8":
        step = (largest / 127).clamp_min(TINY)
        return float((distance / step).max())
    if held == "fp8":
        step = (rows.abs() / 8).clamp_min(TINY)
        # Weights far below the row's largest are subnormal in FP8 and have other steps.
        normal = rows.abs() > largest / 64
        return float((distance / step)[normal].max())
    return 0.0 if torch.equal(weights, rows) else float("inf")
