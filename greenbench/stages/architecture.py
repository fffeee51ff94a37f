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

from greenbench.errors import UnavailableError, UsageError
from greenbench.extras import line_for
from greenbench.options import ArchitectureOptions
from greenbench.stages import weights
from greenbench.stages.conversions import CONVERSIONS
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


THRESHOLD = ArchitectureOptions().int8_threshold
LLM_INT8 = ("int8", "bitsandbytes")
NO_FP8_PACKAGE = (
    "this GPU computes in FP8, and auto chose INT8 because torchao is not installed; the extra fp8 "
    "installs it"
)
FP8_CAPABILITY = (8, 9)
"""First CUDA compute capability with FP8 matrix units (Ada; Hopper is 9.0)."""


def check(options: ArchitectureOptions, device: torch.device, *, converts: bool = True) -> None:
    """Raise an error if weights cannot be held as ``options`` say, or attention cannot run so.

    Weights that something else ``converts`` are not looked at.

    UnavailableError if ``device`` or the installed packages cannot do it, UsageError if no package
    can.
    """
    _check_attention(options, device)
    if converts:
        _check_weights(options, device)


def _check_weights(options: ArchitectureOptions, device: torch.device) -> None:
    weight_format = resolve(options, device)
    library = quantizer(options, device)
    if weight_format == "fp8" and not has_fp8(device):
        capability = ".".join(map(str, FP8_CAPABILITY))
        raise UnavailableError(
            f"architecture.weight_format: fp8 needs a CUDA device of capability {capability} or "
            f"newer, and the cell runs on {device}; int8 or auto would work"
        )
    if options.int8_threshold != THRESHOLD and (weight_format, library) != LLM_INT8:
        held = weight_format if library == "none" else f"{weight_format} by {library}"
        raise UsageError(
            f"architecture.int8_threshold: it acts on int8 weights of bitsandbytes alone, found "
            f"{held}; set weight_format: int8 and quantizer: bitsandbytes, or remove it"
        )
    if library == "none":
        return
    if (weight_format, library) not in CONVERSIONS:
        able = " or ".join(_libraries(weight_format)) or "auto"
        raise UsageError(
            f"architecture.quantizer: {library} does not convert to {weight_format}; {able} would "
            "work"
        )
    if weight_format == "fp16" and device.type == "cpu" and not has_fp16():
        raise UnavailableError(
            "architecture.weight_format: this CPU does not multiply in fp16, and the cell runs on "
            "it; bf16, int8 or fp32 would work"
        )
    if not _installed(library):
        raise UnavailableError(
            f"architecture.weight_format: {weight_format} needs the package {library}; "
            f"{line_for(library)} would install it, or set {_alternative(weight_format)}"
        )


def _check_attention(options: ArchitectureOptions, device: torch.device) -> None:
    if options.attention != "flash":
        return
    if device.type != "cuda":
        raise UnavailableError(
            f"architecture.attention: flash needs a CUDA device, and the cell runs on {device}; "
            "sdpa, which is fused too, or eager would work"
        )
    if not _installed("flash_attn"):
        raise UnavailableError(
            "architecture.attention: flash needs the package flash_attn, which is not installed; "
            "pip install flash-attn, or set sdpa"
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


def has_fp16() -> bool:
    """Whether torch has FP16 kernels for this CPU; without them it multiplies one by one."""
    return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())  # noqa: SLF001


def has_fp8(device: torch.device) -> bool:
    """Whether ``device`` has FP8 matrix units."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= FP8_CAPABILITY


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
    if options.weight_format == "fp32":
        return model
    conversion = CONVERSIONS[resolve(options, device), quantizer(options, device)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return conversion(model.eval(), options, device)


def proofs(
    model: nn.Module,
    options: ArchitectureOptions,
    device: torch.device,
    trained: Mapping[str, torch.Tensor],
    before: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> tuple[Applied, ...]:
    """Read format, library and threshold back from the live weights, as they are after inference.

    ``trained`` holds rows of the weights at the end of training, by their present names, ``before``
    format and library of each layer's weights at the beginning of inference.
    """
    held = [*before.values(), *weights.held(model).values()]
    formats = "+".join(sorted({weight_format for weight_format, _ in held}))
    libraries = "+".join(sorted({library for _, library in held}))
    format_proof = _format_proof(model, options, device, trained, formats)
    library_proof = _library_proof(options, device, libraries)
    return format_proof, library_proof, _threshold_proof(model, options, device)


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
    elif steps is not None and steps > weights.ROUNDED:
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
        got=None if libraries in {"none", "torch"} else libraries,
        how="package of the live weights' class, before and after inference",
        note=note,
    )


def _threshold_proof(
    model: nn.Module, options: ArchitectureOptions, device: torch.device
) -> Applied:
    """Read the threshold from the layers that have one, and the columns that were above it."""
    asked = options.int8_threshold
    found, outliers = weights.thresholds(model)
    other = sorted(found - {asked})
    got = asked if found else None
    if other:
        got = other[0]
    note = ""
    expected = (resolve(options, device), quantizer(options, device)) == LLM_INT8
    if expected and got != asked:
        values = ", ".join(map(str, other)) or "none"
        note = f"requested {asked}, the layers have {values}"
    return Applied(
        stage="architecture",
        knob="int8_threshold",
        asked=asked,
        got=got,
        how="threshold of the live layers of bitsandbytes",
        note=note,
        evidence={"columns_above_it": outliers} if found else {},
    )
