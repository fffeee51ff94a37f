"""What runs the trained model at inference: torch itself, or an engine that it is converted for.

An engine is made after training, in a window of the architecture stage, like any conversion. It
answers in place of the model and reads back what it did; the model stays, for what is counted.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import torch

from greenbench.errors import UnavailableError, UsageError
from greenbench.extras import line_for
from greenbench.stages import architecture, onnx_engine, precision
from greenbench.stages.compiled_engine import CompiledEngine
from greenbench.stages.objectives.interface import on_device
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from greenbench.options import ArchitectureOptions, Options
    from greenbench.stages.data import Batches
    from greenbench.stages.layers import Depth
    from greenbench.stages.tally import Tally

NEEDED = {"onnx": ("onnx", "onnxruntime"), "vllm": ("vllm",)}
"""Packages of each engine that is no part of torch."""
INSTALL = {"onnx": line_for("onnx"), "vllm": "pip install vllm"}
VLLM_IS_NOT_RUN = "nothing here hands a trained model to vllm yet"


class Engine(Protocol):
    """What answers in place of the model, and is called like it."""

    name: str
    """Value of the knob."""
    passes: int
    """Batches that it has answered."""

    def watch(self, depth: Depth) -> None:
        """Note in ``depth`` the layers that run in every pass from now on."""

    @property
    def precisions(self) -> Tally[str]:
        """Precisions that linear layers computed in, in every pass."""

    @property
    def evidence(self) -> Mapping[str, object]:
        """Further readings for programs, as builtins."""

    def weight_proofs(
        self, options: ArchitectureOptions, trained: Mapping[str, torch.Tensor]
    ) -> tuple[Applied, ...]:
        """Return the proofs of the weights that it computes with; see ``architecture.proofs``."""


def converts(options: Options) -> bool:
    """Whether the trained model is converted before it answers."""
    return options.architecture.weight_format != "fp32" or options.inference.engine != "torch"


def converted(
    net: nn.Module, options: Options, device: torch.device, batches: Batches | None
) -> tuple[nn.Module, Engine | None]:
    """Return the trained model, its weights converted, and the engine that is to run it."""
    if options.inference.engine == "onnx":
        in_int8 = options.architecture.weight_format == "int8"
        return net, onnx_engine.converted(net, in_int8=in_int8)
    net = architecture.convert(net, options.architecture, device)
    if options.inference.engine == "compile" and batches is not None:
        # Tensors of another mode than inference's would be compiled for once more there.
        with torch.inference_mode(), precision.autocast(options.inference.precision, device):
            batch = on_device(next(iter(batches.test)), device)
            return net, CompiledEngine(net, batch, device)
    return net, None


def check(options: Options, device: torch.device, *, generates: bool) -> None:
    """Raise an error if the model cannot run as ``options`` say; ``generates`` if it writes texts.

    UnavailableError for what this machine lacks, UsageError for what no machine can do.
    """
    engine = options.inference.engine
    _refuse_other_tasks(engine, generates=generates)
    for package in NEEDED.get(engine, ()):
        if find_spec(package) is None:
            also = f", though {VLLM_IS_NOT_RUN}" if engine == "vllm" else ""
            raise UnavailableError(
                f"inference.engine: {engine} needs the package {package}, which is not installed; "
                f"{INSTALL[engine]} would install it{also}, and torch works without"
            )
    if engine == "vllm":
        raise UnavailableError(
            f"inference.engine: vllm is installed, and {VLLM_IS_NOT_RUN}; torch would work"
        )
    if engine == "onnx" and device.type != "cpu":
        raise UnavailableError(
            f"inference.engine: onnx runs on the CPU, and the cell runs on {device}; torch or "
            "--green-device cpu would work"
        )
    architecture.check(options.architecture, device, converts=engine != "onnx")


def _refuse_other_tasks(engine: str, *, generates: bool) -> None:
    if engine in {"compile", "onnx"} and generates:
        raise UsageError(
            f"inference.engine: {engine} runs models that do not write alone, and this one writes "
            "texts; torch would work"
        )
    if engine == "vllm" and not generates:
        raise UsageError(
            "inference.engine: vllm runs models that write texts alone, and this one does not; "
            "torch, compile or onnx would work"
        )


def proof(asked: str, engine: Engine | None, passes: int) -> Applied:
    """Prove what answered the batches; ``passes`` are all forward passes that were seen."""
    own = 0 if engine is None else engine.passes
    answered = {"torch": passes - own}
    if engine is not None:
        answered[engine.name] = own
    got = max(answered, key=lambda name: answered[name]) if passes else None
    note = ""
    if answered.get(asked) != passes or not passes:
        times = [f"{count} of {passes} by {name}" for name, count in answered.items()]
        note = f"requested {asked}, and passes were answered {' and '.join(times)}"
    return Applied(
        stage="inference",
        knob="engine",
        asked=asked,
        got=got,
        how="forward passes, counted by the engine and by hooks on the model",
        note=note,
        evidence={} if engine is None else engine.evidence,
    )
