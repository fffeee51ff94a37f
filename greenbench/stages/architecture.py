"""The architecture stage: build the model, and convert its weights after training.

All weights are trained in FP32; 8-bit ones are never trained. Conversion replaces the weights of
linear layers one by one in the live model, after training and before inference, so that what was
trained is what is converted: the proof compares rows of both, weight by weight. Classifier and
language-model heads keep FP32, as their few weights decide the answer; so do embeddings and norms.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import nn

from greenbench.errors import UnavailableError, UsageError
from greenbench.stages import weights
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torchao.core.config import AOBaseConfig

    from greenbench.options import ArchitectureOptions

ROUNDED = 0.75
"""Steps that rounding may move a weight: half a one, and what passing through FP16 adds."""
NO_FP8_PACKAGE = (
    "this GPU computes in FP8, and auto chose INT8 because torchao is not installed; the extra fp8 "
    "installs it"
)
FP8_CAPABILITY = (8, 9)
"""First CUDA compute capability with FP8 matrix units (Ada; Hopper is 9.0)."""


def linears(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Yield parent, attribute name and module of every linear layer that may be converted."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and name not in weights.KEPT:
                yield parent, name, child


def check(options: ArchitectureOptions, device: torch.device) -> None:
    """Raise an error if weights cannot be held as ``options`` say.

    UnavailableError if ``device`` or the installed packages cannot do it, UsageError if no package
    can.
    """
    weight_format = resolve(options, device)
    library = quantizer(options, device)
    if weight_format == "fp8" and not has_fp8(device):
        capability = ".".join(map(str, FP8_CAPABILITY))
        raise UnavailableError(
            f"architecture.weight_format: fp8 needs a CUDA device of capability {capability} or "
            f"newer, and the cell runs on {device}; int8 or auto would work"
        )
    if library == "none":
        return
    if (weight_format, library) not in CONVERSIONS:
        able = " or ".join(_libraries(weight_format)) or "auto"
        raise UsageError(
            f"architecture.quantizer: {library} does not convert to {weight_format}; {able} would "
            "work"
        )
    if not _installed(library):
        extra = " (extra fp8)" if library == "torchao" else ""
        raise UnavailableError(
            f"architecture.weight_format: {weight_format} needs the package {library}{extra}; "
            f"install it, or set {_alternative(weight_format)}"
        )


def _libraries(weight_format: str) -> list[str]:
    """Return the libraries that convert to ``weight_format``, the preferred one first."""
    return [library for name, library in CONVERSIONS if name == weight_format]


def _alternative(weight_format: str) -> str:
    """Return another setting that works with the installed packages."""
    for library in _libraries(weight_format):
        if _installed(library):
            return f"quantizer: {library}"
    return "weight_format: int8" if weight_format == "fp8" else "weight_format: fp32"


def to_int8_bitsandbytes(model: nn.Module, device: torch.device) -> nn.Module:
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
            threshold=6.0,
        )
        # Only a move away from the CPU makes bitsandbytes quantise, so they go there first.
        weight = linear.weight.data.cpu()
        quantised.weight = bnb.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
        if linear.bias is not None:
            quantised.bias = linear.bias
        setattr(parent, name, quantised.to(device))
    return model


def to_int8_torchao(model: nn.Module, _device: torch.device) -> nn.Module:
    """Hold linear weights as INT8, one scale a row, with torchao.

    They are multiplied in the dtype of their input.
    """
    from torchao.quantization import Int8WeightOnlyConfig

    return _torchao(model, Int8WeightOnlyConfig())


def to_fp8(model: nn.Module, _device: torch.device) -> nn.Module:
    """Hold linear weights as FP8 and multiply in FP8 with torchao."""
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig

    return _torchao(model, Float8DynamicActivationFloat8WeightConfig())


def _torchao(model: nn.Module, config: AOBaseConfig) -> nn.Module:
    from torchao.quantization import quantize_

    identities = {id(linear) for _, _, linear in linears(model)}
    quantize_(model, config, filter_fn=lambda module, _: id(module) in identities)
    return model


def has_fp8(device: torch.device) -> bool:
    """Whether ``device`` has FP8 matrix units."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= FP8_CAPABILITY


CONVERSIONS: dict[tuple[str, str], Callable[[nn.Module, torch.device], nn.Module]] = {
    ("int8", "bitsandbytes"): to_int8_bitsandbytes,
    ("int8", "torchao"): to_int8_torchao,
    ("fp8", "torchao"): to_fp8,
}
"""From format and library to the conversion."""


def resolve(options: ArchitectureOptions, device: torch.device) -> str:
    """Return the weight format; ``auto`` is FP8 if device and library have it, else INT8."""
    if options.weight_format != "auto":
        return options.weight_format
    if options.quantizer == "bitsandbytes" or not has_fp8(device):
        return "int8"
    return "fp8" if _installed("torchao") else "int8"


def quantizer(options: ArchitectureOptions, device: torch.device) -> str:
    """Return the library that converts, or ``none`` if nothing is converted.

    ``auto`` is the preferred installed one.
    """
    if options.quantizer != "auto":
        return options.quantizer
    weight_format = resolve(options, device)
    if weight_format == "fp32":
        return "none"
    libraries = _libraries(weight_format)
    for library in libraries:
        if _installed(library):
            return library
    return libraries[0]


def _installed(package: str) -> bool:
    return find_spec(package) is not None


def doubts(options: ArchitectureOptions, device: torch.device) -> tuple[str, ...]:
    """Warn if ``auto`` would have chosen FP8 with one more package."""
    automatic = options.weight_format == options.quantizer == "auto"
    if automatic and has_fp8(device) and not _installed("torchao"):
        return (NO_FP8_PACKAGE,)
    return ()


def convert(model: nn.Module, options: ArchitectureOptions, device: torch.device) -> nn.Module:
    """Return ``model``, its linear layers held as ``options`` say; ``check`` them first."""
    conversion = CONVERSIONS[resolve(options, device), quantizer(options, device)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return conversion(model.eval(), device)


def proofs(
    model: nn.Module,
    options: ArchitectureOptions,
    device: torch.device,
    trained: Mapping[str, torch.Tensor],
    before: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> tuple[Applied, Applied]:
    """Read format and library back from the live weights, as they are after inference.

    ``trained`` holds rows of the weights at the end of training, by their present names, ``before``
    format and library of each layer's weights at the beginning of inference.
    """
    held = [*before.values(), *weights.held(model).values()]
    formats = "+".join(sorted({weight_format for weight_format, _ in held}))
    libraries = "+".join(sorted({library for _, library in held}))
    format_proof = _format_proof(model, options, device, trained, formats)
    return format_proof, _library_proof(options, device, libraries)


def _format_proof(
    model: nn.Module,
    options: ArchitectureOptions,
    device: torch.device,
    trained: Mapping[str, torch.Tensor],
    formats: str,
) -> Applied:
    steps = weights.deviation(model, trained)
    note = ""
    if formats != resolve(options, device):
        note = f"the linear layers' weights are held as {formats}"
    elif steps is not None and steps > ROUNDED:
        distance = f"{steps:.3g} steps of {formats}"
        note = f"the converted weights are not the trained ones: one is {distance} away"
    count = len(weights.convertible(model))
    return Applied(
        stage="architecture",
        knob="weight_format",
        asked=options.weight_format,
        got=formats,
        how=f"dtypes of the {count} linear layers' stored weights before and after inference",
        note=note,
        evidence={
            "bytes": weights.held_formats(model),
            "classes": weights.classes(model),
            "steps_from_trained": steps,
        },
    )


def _library_proof(options: ArchitectureOptions, device: torch.device, libraries: str) -> Applied:
    library = quantizer(options, device)
    note = ""
    if libraries != library:
        note = f"requested {library}, the weights are held by {libraries}"
    return Applied(
        stage="architecture",
        knob="quantizer",
        asked=options.quantizer,
        got=None if libraries == "none" else libraries,
        how="package of the live weights' class, before and after inference",
        note=note,
    )
