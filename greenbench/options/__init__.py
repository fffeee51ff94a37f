"""Every knob of the five stages. The defaults *are* the baseline: ``Options()`` is V0.

A variant's ``config.yaml`` states only what differs from here. A list in place of a value makes one
cell of each (a sweep). Nothing in this module reads a file or touches a device.

A knob's annotation is its whole definition: its kind, and the ``Range`` or ``TextForm`` of its
values. ``greenbench.experiment.knobs`` validates against it. A suite's own knobs are fields of
classes that ``extended`` makes of these, so that they are read like any other. The module imports
the standard library alone, because every command and every pytest session imports it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from greenbench.options.limits import (
    Count,
    CpuList,
    Draft,
    Fraction,
    Governor,
    LayerChoice,
    LayerList,
    LayerNames,
    Positive,
)
from greenbench.options.limits import Range as Range
from greenbench.options.limits import TextForm as TextForm

if TYPE_CHECKING:
    from collections.abc import Sequence

STAGES = ("data", "architecture", "training", "system", "inference")

KnobValue: TypeAlias = str | int | float | bool | None
Hint: TypeAlias = Any
"""An annotation, as Python has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """How text becomes batches."""

    tokenizer: Literal["python", "rust"] = "python"
    """Implementation of the byte-level BPE: greenbench's own in pure Python, or the Rust library
    ``tokenizers``. Both give the same ids."""
    batch_size: Count = 32
    """Examples per batch, in inference (unless ``inference.batch_size`` says otherwise) and in
    training (there per optimizer step, see ``accumulation_steps``)."""
    batching: Literal["plain", "bucketed", "packed"] = "plain"
    """Which examples share a batch, and a row. ``plain`` takes them as they come, one a row.
    ``bucketed`` groups them by length: all examples at inference, and in training those of one
    optimizer step into its micro-batches, so that every step keeps its examples. ``packed`` puts
    several into one row, each attending to itself alone; a decoder answers unpacked."""
    padding: Literal["longest", "fixed"] = "longest"
    """Width of a batch: its longest row, or the most tokens that a row may have."""
    max_length: Count | None = None
    """Tokens of an input that are kept; None keeps as many as the profile says."""
    workers: Annotated[int, Range(least=0)] = 0
    """Processes that make batches beside the one that computes; 0 makes them there."""
    pin_memory: bool = False
    """Whether batches lie in page-locked memory, from where a GPU copies them faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureOptions:
    """The layers that are trained, and the format in which the weights are held."""

    weight_format: Literal["fp32", "bf16", "fp16", "int8", "fp8", "nf4", "auto"] = "fp32"
    """Format of the linear layers during inference; ``auto`` is FP8 if the chip supports it, else
    INT8."""
    quantizer: Literal["auto", "bitsandbytes", "torchao"] = "auto"
    """Library that converts and multiplies; ``auto`` is bitsandbytes for INT8 if it is installed,
    and torchao for FP8."""
    prune_layers: Annotated[float, Range(least=0, below=1)] = 0.0
    """Fraction of the transformer's layers taken out of the pretrained model, before training."""
    prune_choice: LayerChoice = "top"
    """Rule that picks those layers (see ``stages.layer_rules``), or the layers themselves, counted
    from 0; then ``prune_layers`` stays 0."""
    adapter: Literal["none", "lora", "qlora"] = "none"
    """Small matrices that are trained in place of the layers' weights (PEFT), which are held in NF4
    for ``qlora``; they are added to the weights before inference."""
    lora_rank: Count = 8
    """Rank of the adapters: the inner side of their two matrices."""
    lora_alpha: Positive = 16.0
    """Numerator of their scaling, ``lora_alpha / lora_rank``."""
    lora_targets: LayerNames = "all"
    """Linear layers that get an adapter, by the last part of their name: ``Wqkv,Wo``; ``all`` of
    the transformer's layers."""
    int8_threshold: Annotated[float, Range(least=0)] = 6.0
    """Size from which bitsandbytes multiplies a column of activations in floating point instead of
    INT8; 0 multiplies all of them in INT8."""
    attention: Literal["sdpa", "eager", "flash"] = "sdpa"
    """Implementation of attention in training and inference: torch's fused one, matrix products one
    by one, or the package flash_attn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How the model is fine-tuned. The profile says for how long."""

    finetune: bool = True
    """Whether the stage runs; without it the pretrained checkpoint is scored as it is."""
    optimizer: Literal["adamw", "adamw_fused", "adamw_8bit", "sgd"] = "adamw"
    """Rule that updates the weights; ``adamw_fused`` is AdamW in one kernel, ``adamw_8bit`` AdamW
    with states in 8 bit (bitsandbytes)."""
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    """Autocast's type; ``fp16`` adds a gradient scaler if the device has one, ``auto`` is the
    fastest type that the chip computes in natively."""
    accumulation_steps: Count = 1
    """Micro-batches per optimizer step. They divide ``batch_size``, which stays the effective batch
    size."""
    compile: bool = False
    """Whether ``torch.compile`` compiles the passes of training, before the first step."""
    gradient_checkpointing: bool = False
    """Whether the backward pass computes the layers again, which spares memory and costs time."""
    frozen_layers: Annotated[float, Range(least=0, most=1)] = 0.0
    """Fraction of the layers, from below and with the embeddings, that keeps its weights."""
    target_score: Fraction | None = None
    """Score on validation examples at which training ends (``stages.early_stopping``); None trains
    for as long as the profile says."""
    score_every: Count = 10
    """Optimizer steps from one reading of that score to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemOptions:
    """Device settings during the other stages. ``None`` leaves the machine's own setting alone."""

    gpu_power_fraction: Fraction | None = None
    """Power cap of the cell's GPUs, as a fraction of each card's default limit."""
    gpu_power_w: Positive | None = None
    """The same in watts."""
    gpu_clock_fraction: Fraction | None = None
    """Cap of the SM clock (DVFS), as a fraction of each card's highest."""
    gpu_memory_clock_fraction: Fraction | None = None
    """Cap of the memory clock, as a fraction of each card's highest."""
    cpu_power_fraction: Fraction | None = None
    """Power cap of each processor package, as a fraction of the highest that the kernel
    reports."""
    cpu_clock_fraction: Fraction | None = None
    """Cap of the processors' clocks, as a fraction of their highest."""
    cpu_governor: Governor | None = None
    """The kernel's policy for the clocks below that cap: ``performance``, ``powersave``,
    ``schedutil``, ..."""
    cpu_threads: Count | None = None
    """Threads that torch, or BLAS and OpenMP in a task of functions, may use in one operation."""
    cpu_affinity: CpuList | None = None
    """Processors that the process may run on, as a list like ``0-3,8``."""
    processes: Count | None = None
    """Processes that train together on the processors, each on its part of every micro-batch;
    ``None`` is as many as ``--green-device`` names, one by default."""
    numa_node: Annotated[int, Range(least=0)] | None = None
    """NUMA node on whose processors all threads run and from which new memory is taken, on machines
    that have several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOptions:
    """How the fine-tuned model is run."""

    skip_layers: Annotated[float, Range(least=0, below=1)] = 0.0
    """Fraction of the transformer's layers left out of every forward pass."""
    layer_choice: LayerChoice = "influence"
    """Rule that picks those layers (see ``stages.layer_rules``), or the layers themselves, counted
    from 0; then ``skip_layers`` stays 0."""
    healing: Annotated[float, Range(least=0)] = 0.0
    """Optimizer steps that train the model again once layers were left out, as a share of those of
    training, at least one; measured as training. 0 trains none."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Autocast's type, independent of the one in training."""
    engine: Literal["torch", "compile", "onnx", "vllm"] = "torch"
    """What runs the trained model: torch, operation by operation; ``torch.compile`` (classifiers);
    ONNX Runtime (classifiers, on the CPU); or vLLM."""
    batch_size: Count | None = None
    """Examples per batch at inference; ``None`` is ``data.batch_size``."""
    exit_confidence: Annotated[float, Range(above=0.5, most=1)] | None = None
    """Probability of a class from which on a row leaves a classifier's stack of layers early (see
    ``stages.early_exit``); ``None`` lets every row through all layers."""
    exit_layers: LayerList | None = None
    """Layers after which the head is asked, counted from 0; ``None`` is the upper half's."""
    cache: Literal["dynamic", "static"] = "dynamic"
    """Kind of the key/value cache of a model that writes (see ``stages.key_value_cache``)."""
    draft: Draft = "none"
    """What guesses the next tokens of a model that writes (see ``stages.drafting``): nothing; the
    text so far (``prompt``); or a smaller model, by folder or hub id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """All knobs of a cell, stage by stage."""

    data: DataOptions = field(default_factory=DataOptions)
    architecture: ArchitectureOptions = field(default_factory=ArchitectureOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    system: SystemOptions = field(default_factory=SystemOptions)
    inference: InferenceOptions = field(default_factory=InferenceOptions)


BASELINE = Options()
"""The baseline of a suite without knobs of its own."""
OWN = "own"
"""Key of a field's metadata, under which stands the ``OwnKnob`` of a suite's own knob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKnob:
    """A knob that a suite declares for its own code."""

    stage: str
    name: str
    hint: Hint
    """Its annotation, as a field of a stage's options has it."""
    default: KnobValue
    """Its value in the baseline."""
    meaning: str = ""
    """What it does."""
    proved: bool = False
    """Whether the suite reads it back."""

    @property
    def knob(self) -> str:
        """Return its name with the stage's, ``training.max_iter``."""
        return f"{self.stage}.{self.name}"


def extended(own: Sequence[OwnKnob]) -> Options:
    """Return the baseline of a suite that declares its ``own`` knobs.

    Their stages are of subclasses, the same ones for equal declarations, so that options compare.
    """
    stages = {}
    for stage in STAGES:
        declared = [knob for knob in own if knob.stage == stage]
        if declared:
            made_by: Hint = _stage_class(stage, tuple(declared))
            stages[stage] = made_by()
    return replace(BASELINE, **stages)


@cache
def _stage_class(stage: str, own: tuple[OwnKnob, ...]) -> type:
    plain = getattr(BASELINE, stage)
    base = type(plain)
    added: list[Hint] = []
    for knob in own:
        metadata = {OWN: knob}
        declared = field(default=knob.default, metadata=metadata)
        added.append((knob.name, knob.hint, declared))
    form: Hint = {"frozen": True, "slots": True, "kw_only": True}
    return make_dataclass(base.__name__, added, bases=(base,), **form)


def baseline_of(options: Options) -> Options:
    """Return the baseline of the suite that ``options`` are of."""
    stages = {}
    for stage in STAGES:
        here = getattr(options, stage)
        made_by = type(here)
        stages[stage] = made_by()
    return Options(**stages)


def restricted(options: Options, own: Sequence[OwnKnob]) -> Options:
    """Return ``options`` with these of a suite's own knobs, and without its others."""
    baseline = extended(own)
    stages = {}
    for stage in STAGES:
        here = getattr(options, stage)
        plain = getattr(baseline, stage)
        values = {}
        for name in knobs(stage, baseline):
            values[name] = getattr(here, name)
        stages[stage] = replace(plain, **values)
    return Options(**stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A knob whose value is not the baseline's."""

    knob: str
    """``stage.name``"""
    baseline: KnobValue
    here: KnobValue | list[KnobValue]
    """The value, or all the values of a sweep."""


def own_knobs(options: Options) -> tuple[OwnKnob, ...]:
    """Return the knobs that the suite of ``options`` declares."""
    found = []
    for stage in STAGES:
        here = getattr(options, stage)
        for declared in fields(here):
            own = declared.metadata.get(OWN)
            if own is not None:
                found.append(own)
    return tuple(found)


def knobs(stage: str, options: Options = BASELINE) -> tuple[str, ...]:
    """Return the names of the knobs of ``stage``, in the order in which they are declared.

    A suite's own are among them if ``options`` are that suite's.
    """
    here = getattr(options, stage)
    return tuple([knob.name for knob in fields(here)])


def differences(options: Options) -> tuple[Difference, ...]:
    """Return the knobs of ``options`` that differ from the baseline, in their declared order."""
    baseline = baseline_of(options)
    found = []
    for stage in STAGES:
        plain = getattr(baseline, stage)
        chosen = getattr(options, stage)
        for name in knobs(stage, options):
            before = getattr(plain, name)
            here = getattr(chosen, name)
            if here != before:
                knob = f"{stage}.{name}"
                found.append(Difference(knob=knob, baseline=before, here=here))
    return tuple(found)
