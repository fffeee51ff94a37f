"""Rules that involve several knobs of a variant; each yields lines and what is wrong there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from greenbench.experiment.knobs import value_of
from greenbench.machine.devices import ONE_PROCESS_KNOBS
from greenbench.options import Options, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Rule: TypeAlias = Callable[[Mapping[str, int], "Values"], Iterator[tuple[int, str]]]
    """Yields lines and what is wrong there, from the lines of the knobs that are set."""
    Values: TypeAlias = Callable[[str], tuple[Any, ...]]
    """Knob to the values that it takes in the cells of the variant."""

LAYER_KNOBS = (
    ("inference.skip_layers", "inference.layer_choice"),
    ("architecture.prune_layers", "architecture.prune_choice"),
)
"""How many layers are left out, and which ones."""
ABLE: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "compile": {
        "data.batching": ("plain", "bucketed"),
        "architecture.weight_format": ("fp32", "fp8"),
        "inference.exit_confidence": (None,),
    },
    "onnx": {
        "data.batching": ("plain", "bucketed"),
        "architecture.weight_format": ("fp32", "int8"),
        "architecture.quantizer": ("auto",),
        "architecture.int8_threshold": (6.0,),
        "inference.precision": ("fp32",),
        "inference.exit_confidence": (None,),
    },
}
"""By engine and knob: what it can run; ONNX Runtime converts and multiplies by itself."""
COMPILED: Mapping[str, tuple[object, ...]] = {
    "data.batching": ("plain", "bucketed"),
    "architecture.prune_layers": (0.0,),
    "architecture.prune_choice": ("top",),
    "architecture.adapter": ("none",),
    "training.finetune": (True,),
    "training.gradient_checkpointing": (False,),
    "training.frozen_layers": (0.0,),
    "training.target_score": (None,),
    "system.processes": (None, 1),
}
"""By knob: what ``training.compile`` can stand beside; hooks that prove the others break graphs."""
CAST_FORMATS = ("fp32", "bf16", "fp16")
"""Formats of weights that torch itself holds: no library converts to them."""


def micro_batch_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem if a batch cannot be cut into equal micro-batches.

    Equal ones keep the effective batch what it is. ``lines`` are those of the knobs that are set.
    """
    for size in values("data.batch_size"):
        for steps in values("training.accumulation_steps"):
            if size % steps:
                line = lines.get("training.accumulation_steps") or lines["data.batch_size"]
                divides = f"accumulation_steps {steps} does not divide data.batch_size {size}"
                yield line, f"training.{divides}; choose a divisor of {size}"
                return


def adapter_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem for adapters that are not trained, and for settings of none."""
    for knob in ("lora_rank", "lora_alpha", "lora_targets"):
        line = lines.get(f"architecture.{knob}")
        if line and "none" in values("architecture.adapter"):
            yield line, f"architecture.{knob} does nothing while adapter is none; set lora there"
    line = lines.get("architecture.adapter")
    if line and False in values("training.finetune"):
        conflict = "architecture.adapter is trained, and training.finetune is false"
        yield line, f"{conflict}; keep one of the two"


def unused_knob_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem for each knob that would do nothing, or would override another one."""
    yield from _weight_problems(lines, values)
    line = lines.get("training.score_every")
    if line and None in values("training.target_score"):
        unused = "training.score_every does nothing without target_score"
        yield line, f"{unused}; set the score at which training ends there"
    line = lines.get("system.gpu_power_w")
    if line and "system.gpu_power_fraction" in lines:
        conflict = "system.gpu_power_w and gpu_power_fraction set the same limit"
        yield line, f"{conflict}; keep one of the two"
    for fraction, choice in LAYER_KNOBS:
        line = lines.get(choice)
        problem = _layer_choice_problem(values, fraction, choice) if line else ""
        if line and problem:
            yield line, problem


def _weight_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    formats = values("architecture.weight_format")
    line = lines.get("architecture.quantizer")
    cast = next((name for name in CAST_FORMATS if name in formats), None)
    if line and cast:
        unused = f"architecture.quantizer does nothing while weight_format is {cast}"
        yield line, f"{unused}; set int8, fp8 or auto there"
    line = lines.get("architecture.int8_threshold")
    other = next((name for name in formats if name not in {"int8", "auto"}), None)
    if line and other:
        unused = f"architecture.int8_threshold does nothing while weight_format is {other}"
        yield line, f"{unused}; set int8 there"
    if line and "torchao" in values("architecture.quantizer"):
        foreign = "architecture.int8_threshold is of bitsandbytes, and quantizer is torchao"
        yield line, f"{foreign}; remove one of the two"
    line = lines.get("architecture.attention")
    if line and "flash" in values("architecture.attention"):
        for knob in ("training.precision", "inference.precision"):
            if "fp32" in values(knob):
                yield line, f"architecture.attention: flash needs bf16 or fp16, set {knob}"


def _layer_choice_problem(values: Values, fraction: str, choice: str) -> str:
    choices = values(choice)
    fractions = values(fraction)
    name = fraction.rpartition(".")[2]
    layers = [rule for rule in choices if rule[0].isdigit()]
    if len(layers) < len(choices) and 0 in fractions:
        return f"{choice} picks nothing while {name} is 0; set the fraction there"
    if layers and any(fractions):
        return f"{choice} names the layers {layers[0]} itself; remove {name}"
    return ""


def inference_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem for each knob of inference that would do nothing."""
    line = lines.get("inference.batch_size")
    sizes = {*values("inference.batch_size"), *values("data.batch_size")}
    if line and len(sizes) == 1:
        yield line, f"inference.batch_size is data.batch_size, {sizes.pop()}, already; remove it"
    line = lines.get("inference.exit_layers")
    if line and None in values("inference.exit_confidence"):
        unused = "inference.exit_layers does nothing while exit_confidence is null"
        yield line, f"{unused}; set the confidence there"
    line = lines.get("inference.draft")
    problem = _draft_problem(values) if line else ""
    if line and problem:
        yield line, problem
    line = lines.get("inference.healing")
    problem = _healing_problem(values) if line else ""
    if line and problem:
        yield line, problem


def _draft_problem(values: Values) -> str:
    if _answered_sizes(values) != {1}:
        return "inference.draft guesses for one text at a time; set inference.batch_size to 1"
    if "static" in values("inference.cache"):
        return "inference.draft takes guesses back, which a static cache cannot; remove cache"
    return ""


def _healing_problem(values: Values) -> str:
    if False in values("training.finetune"):
        return "inference.healing trains on after training, and training.finetune is false"
    if max((count for count in values("system.processes") if count), default=1) > 1:
        return "inference.healing trains in one process; remove system.processes, or healing"
    choices = values("inference.layer_choice")
    named = all(choice[0].isdigit() for choice in choices)
    if not named and 0 in values("inference.skip_layers"):
        return "inference.healing has nothing to heal while skip_layers is 0; set the fraction"
    return ""


def process_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem if processes cannot share the training, or a node contradicts processors."""
    line = lines.get("system.numa_node")
    if line and "system.cpu_affinity" in lines:
        conflict = "system.numa_node and cpu_affinity both say which processors are used"
        yield line, f"{conflict}; keep one of the two"
    line = lines.get("system.processes")
    most = max((count for count in values("system.processes") if count), default=1)
    if not line or most == 1:
        return
    for knob in ONE_PROCESS_KNOBS:
        if f"system.{knob}" in lines:
            conflict = f"system.processes {most} and {knob}, which is of one process"
            yield line, f"{conflict}, contradict each other; keep one of the two"
    if False in values("training.finetune"):
        yield line, "system.processes trains together, and finetune is false; remove the one"
    yield from _unshared_batches(line, values)


def _unshared_batches(line: int, values: Values) -> Iterator[tuple[int, str]]:
    for size in values("data.batch_size"):
        for steps in values("training.accumulation_steps"):
            micro = size // steps
            for count in values("system.processes"):
                if count and micro % count:
                    problem = f"system.processes {count} cannot share micro-batches of {micro}"
                    yield line, f"{problem} examples evenly; choose a divisor of {micro}"
                    return


def batch_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem if one knob undoes another, or if several processes would load batches."""
    line = lines.get("data.padding")
    saving = [way for way in values("data.batching") if way != "plain"]
    if line and saving and "fixed" in values("data.padding"):
        undone = f"data.padding fixed undoes what data.batching {saving[0]} saves"
        yield line, f"{undone}; keep one of the two"
    line = lines.get("data.batching")
    if line and "packed" in values("data.batching") and "flash" in values("architecture.attention"):
        masked = "data.batching packed needs attention that takes a mask, and flash takes none"
        yield line, f"{masked}; set architecture.attention to sdpa or eager"
    if line and "packed" in values("data.batching") and any(values("inference.exit_confidence")):
        shared = "data.batching packed shares rows, which inference.exit_confidence takes away"
        yield line, f"{shared}; keep one of the two"
    if line and "packed" in values("data.batching") and 1 in _answered_sizes(values):
        single = "data.batching packed puts examples of a batch into one row, and batches have one"
        yield line, f"{single} at inference; keep one of data.batching and batch_size"
    line = lines.get("data.workers")
    most = max((count for count in values("system.processes") if count), default=1)
    if line and any(values("data.workers")) and most > 1:
        beside = f"data.workers would make batches beside each of system.processes {most}"
        yield line, f"{beside}; keep one of the two"


def _answered_sizes(values: Values) -> set[int]:
    """Return the examples of a batch at inference."""
    sizes: set[int] = set()
    for size in values("inference.batch_size"):
        sizes |= {size} if size else {*values("data.batch_size")}
    return sizes


def engine_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem for each knob that an engine cannot obey."""
    line = lines.get("inference.engine")
    if not line:
        return
    for engine in values("inference.engine"):
        for knob, able in ABLE.get(engine, {}).items():
            other = [value for value in values(knob) if value not in able]
            if other:
                allowed = " or ".join(map(str, able))
                needed = f"inference.engine {engine} takes {allowed} for {knob}"
                yield line, f"{needed}, found {other[0]}"


def compile_problems(lines: Mapping[str, int], values: Values) -> Iterator[tuple[int, str]]:
    """Yield a problem for each knob beside which training cannot be compiled."""
    line = lines.get("training.compile")
    if not line or True not in values("training.compile"):
        return
    for knob, able in COMPILED.items():
        other = [value for value in values(knob) if value not in able]
        if other:
            allowed = " or ".join(map(str, able))
            yield line, f"training.compile takes {allowed} for {knob}, found {other[0]}"


RULES: tuple[Rule, ...] = (
    adapter_problems,
    micro_batch_problems,
    unused_knob_problems,
    inference_problems,
    engine_problems,
    compile_problems,
    process_problems,
    batch_problems,
)
"""What a config, and every variant without a folder, is checked against."""


def contradiction(options: Options) -> str:
    """Say which knobs of ``options`` cannot stand together, and what would work; else nothing."""
    lines = {difference.knob: 1 for difference in differences(options)}
    for rule in RULES:
        for _, problem in rule(lines, lambda knob: (value_of(options, knob),)):
            return problem
    return ""
