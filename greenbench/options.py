"""Every knob of the five stages. The defaults *are* the baseline: ``Options()`` is V0.

A variant's ``config.yaml`` states only what differs from here. A list in place of a value makes one cell of each (a
sweep). Nothing in this module reads a file or touches a device.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

STAGES = ("data", "architecture", "training", "system", "inference")

_STRICT = ConfigDict(extra="forbid", strict=True)
Fraction = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
GOVERNOR = r"^[a-z_]+$"
CPU_LIST = r"^\d+(-\d+)?(,\d+(-\d+)?)*$"
LAYER_CHOICE = r"^(deepest|top|bottom|alternate|influence|\d+(,\d+)*)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """How text becomes batches."""

    __pydantic_config__ = _STRICT

    tokenizer: Literal["python", "rust"] = "python"
    """Who runs the byte-level BPE: our pure-Python one, or the Rust library ``tokenizers``. Both give the same ids."""
    batch_size: Count = 32
    """Examples per batch, in training (per optimizer step, see ``accumulation_steps``) and inference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureOptions:
    """In what format the weights are held."""

    __pydantic_config__ = _STRICT

    weight_format: Literal["fp32", "int8", "fp8", "auto"] = "fp32"
    """Format of the linear layers during inference; ``auto`` takes FP8 where the chip has it and INT8 elsewhere."""
    quantizer: Literal["auto", "bitsandbytes", "torchao"] = "auto"
    """Library that converts and multiplies; ``auto`` takes bitsandbytes for INT8 where it is installed, torchao for FP8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How the model is fine-tuned. How long is the profile's to say."""

    __pydantic_config__ = _STRICT

    finetune: bool = True
    """Whether the stage runs at all; without it the pretrained start is scored as it is."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Autocast's type; ``fp16`` brings a gradient scaler where the device has one."""
    accumulation_steps: Count = 1
    """Micro-batches per optimizer step. They divide ``batch_size``: the effective batch stays what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemOptions:
    """Circumstances around the other stages. ``None`` leaves the machine's own setting alone."""

    __pydantic_config__ = _STRICT

    gpu_power_fraction: Fraction | None = None
    """Power cap of the cell's GPUs, as a fraction of each card's default limit."""
    gpu_power_w: Positive | None = None
    """The same in watts."""
    gpu_clock_fraction: Fraction | None = None
    """Cap of the SM clock (DVFS), as a fraction of each card's highest."""
    gpu_memory_clock_fraction: Fraction | None = None
    """Cap of the memory clock, as a fraction of each card's highest."""
    cpu_power_fraction: Fraction | None = None
    """Power cap of each processor package, as a fraction of the highest that the kernel tells."""
    cpu_clock_fraction: Fraction | None = None
    """Cap of the processors' clocks, as a fraction of their highest."""
    cpu_governor: Annotated[str, Field(pattern=GOVERNOR)] | None = None
    """Who chooses the processors' clocks below that cap: ``performance``, ``powersave``, ``schedutil``, ..."""
    cpu_threads: Count | None = None
    """Threads that torch may use within one operation."""
    cpu_affinity: Annotated[str, Field(pattern=CPU_LIST)] | None = None
    """Processors that the process may run on, as a list like ``0-3,8``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOptions:
    """How the fine-tuned model is run."""

    __pydantic_config__ = _STRICT

    skip_layers: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Fraction of the transformer's layers left out of every forward pass."""
    layer_choice: Annotated[str, Field(pattern=LAYER_CHOICE)] = "influence"
    """Rule that picks those layers (see ``stages.layers``), or the layers themselves, counted from 0, without a fraction."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Autocast's type, independent of the one in training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All knobs of a cell, stage by stage."""

    __pydantic_config__ = _STRICT

    data: DataOptions = field(default_factory=DataOptions)
    architecture: ArchitectureOptions = field(default_factory=ArchitectureOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    system: SystemOptions = field(default_factory=SystemOptions)
    inference: InferenceOptions = field(default_factory=InferenceOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One knob that does not stand at its baseline value."""

    knob: str
    """``stage.name``"""
    baseline: Any
    here: Any


def knobs(stage: str) -> tuple[str, ...]:
    """Names of the knobs of ``stage``, in the order they are written above."""
    return tuple(f.name for f in fields(getattr(Options(), stage)))


def differences(options: Options) -> tuple[Difference, ...]:
    """Return what ``options`` change against the baseline, knob by knob."""
    baseline = Options()
    pairs = (
        (s, k, getattr(getattr(baseline, s), k), getattr(getattr(options, s), k))
        for s in STAGES
        for k in knobs(s)
    )
    return tuple(Difference(knob=f"{s}.{k}", baseline=a, here=b) for s, k, a, b in pairs if a != b)
