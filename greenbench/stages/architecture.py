"""The architecture stage: build the model, and convert its weights after training.

All weights are trained in FP32; 8-bit ones are never trained. Conversion replaces the weights of linear layers one by one in
the live model, after training and before inference, so that what was trained is what is converted: the proof compares rows of
both, weight by weight. Classifier and language-model heads keep FP32, as their few weights decide the answer; so do embeddings
and norms.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from greenbench.errors import UnavailableError, UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from greenbench.options import ArchitectureOptions

KEPT = ("classifier", "lm_head", "score")
"""Modules whose weights stay in FP32, by the last part of their name."""

ROUNDED = 0.75
"""Steps of its format that rounding may move a weight: half a one, and what passing through FP16 adds (bitsandbytes)."""
TINY = 1e-12

FP8_CAPABILITY = (8, 9)
"""First CUDA compute capability with FP8 matrix units (Ada; Hopper is 9.0)."""


def linears(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Yield parent, attribute name and module of every linear layer that may be converted."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and name not in KEPT:
                yield parent, name, child


def check(options: ArchitectureOptions, device: torch.device) -> None:
    """Raise UnavailableError where ``device`` or what is installed cannot hold weights as asked; UsageError for nonsense."""
    wanted, library = resolve(options, device), quantizer(options, device)
    if wanted == "fp8" and not has_fp8(device):
        raise UnavailableError(
            f"architecture.weight_format: fp8 needs a CUDA device of capability {FP8_CAPABILITY[0]}.{FP8_CAPABILITY[1]} "
            f"or newer, and the cell runs on {device}; int8 or auto would work"
        )
    if library == "none":
        return
    if (wanted, library) not in CONVERSIONS:
        able = " or ".join(lib for fmt, lib in CONVERSIONS if fmt == wanted) or "auto"
        raise UsageError(
            f"architecture.quantizer: {library} does not convert to {wanted}; {able} would work"
        )
    if not _installed(library):
        extra = " (extra fp8)" if library == "torchao" else ""
        raise UnavailableError(
            f"architecture.weight_format: {wanted} needs the package {library}{extra}; install it, or set {_instead(wanted)}"
        )


def _instead(wanted: str) -> str:
    """Say which other setting works with what is installed here."""
    others = [library for fmt, library in CONVERSIONS if fmt == wanted and _installed(library)]
    if others:
        return f"quantizer: {others[0]}"
    return "weight_format: " + ("int8" if wanted == "fp8" else "fp32")


def to_int8_bitsandbytes(model: nn.Module, device: torch.device) -> nn.Module:
    """Hold linear weights as INT8 and multiply in INT8: LLM.int8() of bitsandbytes (Dettmers et al. 2022, arXiv:2208.07339)."""
    import bitsandbytes as bnb

    for parent, name, linear in linears(model):
        quantised = bnb.nn.Linear8bitLt(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            has_fp16_weights=False,
            threshold=6.0,
        )
        # Only a move away from the CPU makes bitsandbytes quantise, hence the way back there for weights of a GPU.
        quantised.weight = bnb.nn.Int8Params(
            linear.weight.data.cpu(), requires_grad=False, has_fp16_weights=False
        )
        if linear.bias is not None:
            quantised.bias = linear.bias
        setattr(parent, name, quantised.to(device))
    return model


def to_int8_torchao(model: nn.Module, _device: torch.device) -> nn.Module:
    """Hold linear weights as INT8, one scale a row, with torchao; they are multiplied in the type of their input."""
    from torchao.quantization import Int8WeightOnlyConfig

    return _torchao(model, Int8WeightOnlyConfig())


def to_fp8(model: nn.Module, _device: torch.device) -> nn.Module:
    """Hold linear weights as FP8 and multiply in FP8 with torchao; ``check`` says where that works."""
    from torchao.quantization import Float8DynamicActivationFloat8WeightConfig

    return _torchao(model, Float8DynamicActivationFloat8WeightConfig())


def _torchao(model: nn.Module, config: Any) -> nn.Module:
    from torchao.quantization import quantize_

    wanted = {id(linear) for _, _, linear in linears(model)}
    quantize_(model, config, filter_fn=lambda module, _: id(module) in wanted)
    return model


def has_fp8(device: torch.device) -> bool:
    """Whether ``device`` has FP8 matrix units."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= FP8_CAPABILITY


CONVERSIONS: dict[tuple[str, str], Callable[[nn.Module, torch.device], nn.Module]] = {
    ("int8", "bitsandbytes"): to_int8_bitsandbytes,
    ("int8", "torchao"): to_int8_torchao,
    ("fp8", "torchao"): to_fp8,
}
"""Format and library to the conversion."""


def resolve(options: ArchitectureOptions, device: torch.device) -> str:
    """Return the format that ``auto`` stands for on ``device`` with the asked library; others stand for themselves."""
    if options.weight_format != "auto":
        return options.weight_format
    able = options.quantizer in {"auto", "torchao"} and has_fp8(device) and _installed("torchao")
    return "fp8" if able else "int8"


def quantizer(options: ArchitectureOptions, device: torch.device) -> str:
    """Return the library that converts: the asked one, or what ``auto`` stands for; ``none`` where nothing is converted."""
    wanted = resolve(options, device)
    if options.quantizer != "auto" or wanted == "fp32":
        return options.quantizer if options.quantizer != "auto" else "none"
    able = [library for fmt, library in CONVERSIONS if fmt == wanted]
    return next((library for library in able if _installed(library)), able[0])


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def doubts(options: ArchitectureOptions, device: torch.device) -> tuple[str, ...]:
    """Say where ``auto`` could have done better."""
    if (
        (options.weight_format, options.quantizer) == ("auto", "auto")
        and has_fp8(device)
        and not _installed("torchao")
    ):
        return (
            "this GPU computes in FP8, and auto took INT8 because torchao is not installed; the extra fp8 brings it",
        )
    return ()


def convert(model: nn.Module, options: ArchitectureOptions, device: torch.device) -> nn.Module:
    """Return ``model``, its linear layers held as asked; raises UnavailableError where that cannot be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CONVERSIONS[resolve(options, device), quantizer(options, device)](
            model.eval(), device
        )


def convertible(model: nn.Module) -> dict[str, nn.Linear]:
    """Return the linear layers that may be converted, or are, by name."""
    found = {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    return {name: m for name, m in found.items() if name.rpartition(".")[2] not in KEPT}


def held_formats(model: nn.Module) -> dict[str, dict[str, int]]:
    """Return bytes of the convertible layers' weights by module (its number left open), then by the format found."""
    found: dict[str, dict[str, int]] = {}
    for name, module in convertible(model).items():
        weight: Any = module.weight
        by_format = found.setdefault(re.sub(r"\.\d+\b", ".*", name), Counter())
        by_format[_format_of(weight)] += weight.numel() * _stored(weight).element_size()
    return {name: dict(by_format) for name, by_format in found.items()}


def _stored(weight: Any) -> Any:
    """Return the tensor that is stored: torchao wraps it."""
    return getattr(weight, "qdata", weight)


def _format_of(weight: Any) -> str:
    names = {
        torch.float32: "fp32",
        torch.int8: "int8",
        torch.float8_e4m3fn: "fp8",
        torch.bfloat16: "bf16",
    }
    return names.get(_stored(weight).dtype, str(_stored(weight).dtype))


def _library_of(module: nn.Linear) -> str:
    """Return whose class holds the weights: bitsandbytes brings modules of its own, torchao tensors."""
    for kind in (type(module), type(module.weight)):
        if (package := kind.__module__.partition(".")[0]) in {"bitsandbytes", "torchao"}:
            return package
    return "none"


def _numbers(module: Any) -> torch.Tensor:
    """Return the numbers that a layer's weight stands for: bitsandbytes holds rows of -127 to 127 with a scale each."""
    weight = module.weight
    if _library_of(module) == "torchao":
        return torch.as_tensor(weight.dequantize())
    if _library_of(module) == "bitsandbytes":
        scale = weight.SCB if weight.SCB is not None else module.state.SCB
        return torch.as_tensor(weight.detach().float() * scale.float()[:, None] / 127)
    return torch.as_tensor(weight.detach())


@torch.no_grad()
def deviation(model: nn.Module, trained: Mapping[str, torch.Tensor]) -> float | None:
    """Return how far the converted weights lie at most from the ``trained`` rows of the same name, in steps of their format.

    Rounding moves a weight by half a step. A step of INT8 is a 127th of the row's largest weight, one of FP8 (e4m3) an eighth
    of the weight itself; FP32 has none: any other weight is infinitely far. None where nothing was trained.
    """
    pairs = [
        (trained[f"{n}.weight"], m)
        for n, m in convertible(model).items()
        if f"{n}.weight" in trained
    ]
    return max((_steps_apart(rows, m) for rows, m in pairs), default=None)


def _steps_apart(rows: torch.Tensor, module: nn.Linear) -> float:
    now, held = _numbers(module).float(), _format_of(module.weight)
    now = now[:: max(1, len(now) // len(rows))][: len(rows)].to(rows.device)
    apart = (now - rows).abs()
    largest = rows.abs().amax(dim=1, keepdim=True)
    if held == "int8":
        return float((apart / (largest / 127).clamp_min(TINY)).max())
    if (
        held == "fp8"
    ):  # weights far below the row's largest are subnormal in FP8, and their steps are another's
        normal = rows.abs() > largest / 64
        return float((apart / (rows.abs() / 8).clamp_min(TINY))[normal].max())
    return 0.0 if torch.equal(now, rows) else float("inf")


def proofs(
    model: nn.Module, options: ArchitectureOptions, device: torch.device, trained: Mapping[str, Any]
) -> tuple[Applied, Applied]:
    """Read format and library back from the live weights, as they stand at inference.

    ``trained`` holds rows of the weights at the end of training, by the names that they have now.
    """
    by_module = held_formats(model)
    formats = "+".join(sorted({f for formats in by_module.values() for f in formats}))
    libraries = "+".join(sorted({_library_of(m) for m in convertible(model).values()}))
    wanted, library = resolve(options, device), quantizer(options, device)
    moved = deviation(model, trained)
    note = "" if formats == wanted else f"the linear layers' weights are held as {formats}"
    if not note and moved is not None and moved > ROUNDED:
        note = f"what was converted is not what was trained: a weight lies {moved:.3g} steps of {formats} from it"
    evidence = {
        "bytes": by_module,
        "classes": dict(
            Counter(
                f"{type(m).__name__}[{type(m.weight).__name__}]"
                for m in convertible(model).values()
            )
        ),
        "steps_from_trained": moved,
    }
    held = Applied(
        stage="architecture",
        knob="weight_format",
        asked=options.weight_format,
        got=formats,
        how=f"dtypes of the {len(convertible(model))} linear layers' stored weights at inference",
        note=note,
        evidence=evidence,
    )
    by = Applied(
        stage="architecture",
        knob="quantizer",
        asked=options.quantizer,
        got=None if libraries == "none" else libraries,
        how="package of the live weights' class",
        note=""
        if libraries == library
        else f"asked for {library}, the weights are held by {libraries}",
    )
    return held, by
