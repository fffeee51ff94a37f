"""The ways to hold the linear layers of a trained model in another format, layer by layer.

Classifier and language-model heads keep FP32, as their few weights decide the answer.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.stages import weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torchao.core.config import AOBaseConfig

    from greenbench.options import ArchitectureOptions

    Conversion: TypeAlias = Callable[[nn.Module, ArchitectureOptions, torch.device], nn.Module]

NF4_BLOCKS = (64, 32)
"""Weights that share a scale, the usual number first; a row is divided into whole blocks."""
NF4_ROWS = 32
"""The kernel for CPUs takes as many rows of a matrix at once."""


def linears(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Yield parent, attribute name and module of every linear layer that may be converted."""
    for path, module in weights.convertible(model).items():
        if type(module) is nn.Linear:
            parent, _, name = path.rpartition(".")
            yield model.get_submodule(parent), name, module


class HalfLinear(nn.Linear):
    """A linear layer that holds its weights in BF16 or FP16 and multiplies in that type.

    Its input and output have the type of what surrounds it.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        """Hold the weights of ``linear`` in ``dtype``."""
        has_bias = linear.bias is not None
        super().__init__(linear.in_features, linear.out_features, bias=has_bias, device="meta")
        self.weight = _frozen(linear.weight, dtype)
        if has_bias:
            self.bias = _frozen(linear.bias, dtype)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product, rounded to ``dtype`` on its way."""
        rounded = states.to(self.weight.dtype)
        product = super().forward(rounded)
        return product.to(states.dtype)


def _frozen(tensor: torch.Tensor, dtype: torch.dtype) -> nn.Parameter:
    held = tensor.detach().to(dtype)
    return nn.Parameter(held, requires_grad=False)


def to_half(
    model: nn.Module, _options: ArchitectureOptions, _device: torch.device, *, dtype: torch.dtype
) -> nn.Module:
    """Hold linear weights in ``dtype``, and multiply in it."""
    for parent, name, linear in linears(model):
        setattr(parent, name, HalfLinear(linear, dtype))
    return model


def to_int8_bitsandbytes(
    model: nn.Module, options: ArchitectureOptions, device: torch.device
) -> nn.Module:
    """Hold linear weights as INT8 and multiply in INT8 with bitsandbytes.

    The method is LLM.int8() (Dettmers et al. 2022, arXiv:2208.07339).
    """
    import bitsandbytes as bnb

    for parent, name, linear in linears(model):
        quantised = bnb.nn.Linear8bitLt(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            has_fp16_weights=False,
            threshold=options.int8_threshold,
        )
        # Only a move away from the CPU makes bitsandbytes quantise, so they go there first.
        weight = linear.weight.data.cpu()
        quantised.weight = bnb.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
        if linear.bias is not None:
            quantised.bias = linear.bias
        setattr(parent, name, quantised.to(device))
    return model


def to_int8_torchao(
    model: nn.Module, _options: ArchitectureOptions, _device: torch.device
) -> nn.Module:
    """Hold linear weights as INT8, one scale a row, with torchao.

    They are multiplied in the dtype of their input.
    """
    from torchao.quantization import Int8WeightOnlyConfig

    return _torchao(model, Int8WeightOnlyConfig())


def to_fp8(model: nn.Module, _options: ArchitectureOptions, _device: torch.device) -> nn.Module:
    """Hold linear weights as FP8 and multiply in FP8 with torchao."""
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig

    return _torchao(model, Float8DynamicActivationFloat8WeightConfig())


def _torchao(model: nn.Module, config: AOBaseConfig) -> nn.Module:
    from torchao.quantization import quantize_

    identities = {id(linear) for _, _, linear in linears(model)}
    quantize_(model, config, filter_fn=lambda module, _: id(module) in identities)
    return model


def to_nf4(model: nn.Module, _options: ArchitectureOptions, device: torch.device) -> nn.Module:
    """Hold linear weights in 4 bits with bitsandbytes, and multiply in BF16.

    The format is NF4 (Dettmers et al. 2023, arXiv:2305.14314), its scales not quantised again.
    Raises UnavailableError for matrices that cannot be divided into blocks.
    """
    import bitsandbytes as bnb

    for parent, name, linear in linears(model):
        block = _nf4_block(linear, name)
        has_bias = linear.bias is not None
        made = bnb.nn.Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=has_bias,
            compute_dtype=torch.bfloat16,
            quant_type="nf4",
        )
        made.weight = bnb.nn.Params4bit(
            linear.weight.data,
            requires_grad=False,
            compress_statistics=False,
            blocksize=block,
            quant_type="nf4",
            module=made,
        )
        if has_bias:
            made.bias = _frozen(linear.bias, torch.bfloat16)
        converted = made.to(device)
        setattr(parent, name, converted)
    return model


def _nf4_block(linear: nn.Linear, name: str) -> int:
    rows, columns = linear.out_features, linear.in_features
    for block in NF4_BLOCKS:
        if columns % block == 0 and rows % NF4_ROWS == 0:
            return block
    needed = f"nf4 needs matrices whose sides are multiples of {NF4_ROWS}"
    found = f"{name} has {rows} x {columns}"
    raise UnavailableError(
        f"architecture.weight_format: {needed}, and {found}; int8 or bf16 would work"
    )


CONVERSIONS: dict[tuple[str, str], Conversion] = {
    ("int8", "bitsandbytes"): to_int8_bitsandbytes,
    ("int8", "torchao"): to_int8_torchao,
    ("fp8", "torchao"): to_fp8,
    ("bf16", "torch"): partial(to_half, dtype=torch.bfloat16),
    ("fp16", "torch"): partial(to_half, dtype=torch.float16),
    ("nf4", "bitsandbytes"): to_nf4,
}
"""From format and library to the conversion."""
