"""The architecture stage: build the model, and convert its weights after training.

Conversion replaces linear layers one by one in the live model, so that what was trained is what is converted. Classifier
and language-model heads keep FP32: their few weights decide the answer.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEPT = ("classifier", "lm_head", "score")
"""Modules whose weights stay in FP32, by the last part of their name."""

FP8_CAPABILITY = (8, 9)
"""First CUDA compute capability with FP8 matrix units (Ada; Hopper is 9.0)."""


def linears(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Yield parent, attribute name and module of every linear layer that may be converted."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and name not in KEPT:
                yield parent, name, child


def check(weight_format: str, device: torch.device) -> None:
    """Raise UnavailableError where ``device`` or what is installed cannot hold weights as asked."""
    wanted = resolve(weight_format, device)
    if wanted == "int8" and not _installed("bitsandbytes"):
        raise UnavailableError("INT8 needs the package bitsandbytes; install it, or set architecture.weight_format: fp32")
    if wanted == "fp8" and not has_fp8(device):
        raise UnavailableError(
            f"architecture.weight_format: fp8 needs a CUDA device of capability {FP8_CAPABILITY[0]}.{FP8_CAPABILITY[1]} "
            f"or newer, and the cell runs on {device}; int8 or auto would work"
        )
    if wanted == "fp8" and not _installed("torchao"):
        raise UnavailableError("FP8 needs the package torchao (extra fp8); install it, or set architecture.weight_format: int8")


def to_int8(model: nn.Module, device: torch.device) -> nn.Module:
    """Hold linear weights as INT8 with bitsandbytes' LLM.int8() (Dettmers et al. 2022, arXiv:2208.07339)."""
    import bitsandbytes as bnb

    for parent, name, linear in linears(model):
        quantised = bnb.nn.Linear8bitLt(
            linear.in_features, linear.out_features, bias=linear.bias is not None, has_fp16_weights=False, threshold=6.0
        )
        # Only a move away from the CPU makes bitsandbytes quantise, hence the way back there for weights of a GPU.
        quantised.weight = bnb.nn.Int8Params(linear.weight.data.cpu(), requires_grad=False, has_fp16_weights=False)
        if linear.bias is not None:
            quantised.bias = linear.bias
        setattr(parent, name, quantised.to(device))
    return model


def to_fp8(model: nn.Module, _device: torch.device) -> nn.Module:
    """Hold linear weights as FP8 and multiply in FP8 with torchao; ``check`` says where that works."""
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, quantize_

    wanted = {id(linear) for _, _, linear in linears(model)}
    quantize_(model, Float8DynamicActivationFloat8WeightConfig(), filter_fn=lambda module, _: id(module) in wanted)
    return model


def has_fp8(device: torch.device) -> bool:
    """Whether ``device`` has FP8 matrix units."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= FP8_CAPABILITY


CONVERSIONS: dict[str, Callable[[nn.Module, torch.device], nn.Module]] = {"int8": to_int8, "fp8": to_fp8}


def resolve(weight_format: str, device: torch.device) -> str:
    """Return the format that ``auto`` stands for on ``device``; others stand for themselves."""
    if weight_format != "auto":
        return weight_format
    return "fp8" if has_fp8(device) and _installed("torchao") else "int8"


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def doubts(weight_format: str, device: torch.device) -> tuple[str, ...]:
    """Say where ``auto`` could have done better."""
    if weight_format == "auto" and has_fp8(device) and not _installed("torchao"):
        return ("this GPU computes in FP8, and auto took INT8 because torchao is not installed; the extra fp8 brings it",)
    return ()


def convert(model: nn.Module, weight_format: str, device: torch.device) -> nn.Module:
    """Return ``model``, its linear layers held in ``weight_format``; raises UnavailableError where that cannot be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CONVERSIONS[resolve(weight_format, device)](model.eval(), device)


def held_formats(model: nn.Module) -> dict[str, int]:
    """Return bytes of the convertible linear layers' weights by the format that is found in the live model."""
    found: dict[str, int] = {}
    for name, module in model.named_modules():
        weight: Any = getattr(module, "weight", None)
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] not in KEPT:
            held = _format_of(weight)
            found[held] = found.get(held, 0) + weight.numel() * _item_bytes(weight)
    return found


def _format_of(weight: Any) -> str:
    data = getattr(weight, "qdata", weight)  # torchao wraps the stored tensor
    names = {torch.float32: "fp32", torch.int8: "int8", torch.float8_e4m3fn: "fp8", torch.bfloat16: "bf16"}
    return names.get(data.dtype, str(data.dtype))


def _item_bytes(weight: Any) -> int:
    size: int = getattr(weight, "qdata", weight).element_size()
    return size


def proof(model: nn.Module, asked: str, device: torch.device) -> Applied:
    """Read the weights' format back from the live model, as it stands at inference."""
    found = held_formats(model)
    got = "+".join(sorted(found))
    note = "" if got == resolve(asked, device) else f"the linear layers' weights are held as {got}"
    bytes_held = ", ".join(f"{k} {v} bytes" for k, v in sorted(found.items()))
    classes = Counter(type(m).__name__ for m in model.modules() if isinstance(m, nn.Linear))
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(classes.items()))
    how = f"dtype of the linear layers' weights at inference: {bytes_held}; classes: {kinds}"
    return Applied(stage="architecture", knob="weight_format", asked=asked, got=got, how=how, note=note)
