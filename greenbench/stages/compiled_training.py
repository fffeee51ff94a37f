"""``torch.compile`` in training: forward and backward passes as captured graphs, and their proof.

The model is compiled with the first micro-batch, lengths free, in a window of the architecture
stage, and its gradients are dropped again. Hooks would break the graphs, so the graphs themselves
say in which precision and with which attention they compute, as those of ``compiled_engine`` do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import MethodType
from typing import TYPE_CHECKING, Any, cast

import torch

from greenbench.errors import UsageError
from greenbench.stages import precision
from greenbench.stages.compiled_engine import GraphCompiler
from greenbench.stages.objectives.interface import on_device
from greenbench.stages.stack import stack_of
from greenbench.stages.tally import Tally
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.stages.data import Batches
    from greenbench.stages.ranks.rank import Rank


@dataclass(slots=True)
class CompileLog:
    """What was compiled for a training."""

    passes: int = 0
    """Forward passes that captured graphs have run."""
    graphs: int = 0
    recompiled: int = 0
    """Those of them that training had to compile, in its own window."""
    breaks: int = 0
    seconds: float = 0.0
    """Of the first compiled pass, forward and backward, before training."""


class CompiledTraining:
    """A model whose passes of training are compiled; called like the model."""

    def __init__(self, net: PreTrainedModel, chosen: str, device: torch.device) -> None:
        """Compile nothing yet; ``chosen`` is the precision of autocast."""
        self._net = net
        self._device = device
        self._precision = precision.resolve(chosen, device)
        self._compiler = GraphCompiler(stack_of(net).name)
        # The class's own: what Accelerate puts around it later would be compiled for once more.
        forward = MethodType(type(net).forward, net)
        self._run = self._compiler.compiled(forward)
        self._at_first = 0
        self._fused = 0
        self._passes = 0
        self._seconds = 0.0
        self.precisions: Tally[str] = Tally("readings")
        """Precisions that linear layers computed in, in every pass."""

    def warm_up(self, batches: Batches, micro: int) -> None:
        """Compile both passes with the first examples; weights and random states stay.

        A model may note in its first pass what kind of problem it solves; it would be compiled for
        once more then, so that pass comes before.
        """
        objective, loader = batches.objective, batches.train
        rows = [loader.dataset[number] for number in range(micro)]
        collate: Any = loader.collate_fn
        batch = on_device(collate(rows), self._device)
        cuda = [self._device] if self._device.type == "cuda" else []
        self._net.train()
        with torch.random.fork_rng(devices=cuda):
            with torch.no_grad():
                objective.loss(self._net, batch, [batch])
            start = time.perf_counter()
            loss = objective.loss(self.as_module, batch, [batch])
            torch.autograd.backward(loss)
            self._seconds = time.perf_counter() - start
        self._net.zero_grad(set_to_none=True)
        self._at_first = len(self._compiler.graphs)
        self._fused = sum(graph.fused for graph in self._compiler.called)
        self._passes = 0
        self.precisions.counts.clear()

    def __call__(self, **inputs: torch.Tensor) -> object:
        """Return what the model would, in FP32 whatever it computes in, as Accelerate does."""
        from accelerate.utils.operations import convert_to_fp32

        self._compiler.called.clear()
        with precision.autocast(self._precision, self._device):
            outputs: object = self._run(**inputs)
        self._passes += bool(self._compiler.called)
        for graph in self._compiler.called:
            self.precisions.counts.update(graph.precisions)
        return convert_to_fp32(outputs)

    @property
    def as_module(self) -> nn.Module:
        """Itself, as an objective calls a model."""
        return cast("nn.Module", self)

    @property
    def attention(self) -> dict[str, object]:
        """The model's configured attention, and calls of the fused one in the first pass."""
        configured = getattr(self._net.config, "_attn_implementation", None)
        return {"attention": configured, "fused_attention_calls": self._fused}

    @property
    def log(self) -> CompileLog:
        """What was compiled so far."""
        graphs = len(self._compiler.graphs)
        return CompileLog(
            passes=self._passes,
            graphs=graphs,
            recompiled=graphs - self._at_first,
            breaks=self._compiler.breaks,
            seconds=self._seconds,
        )


def check(*, asked: bool, rank: Rank, generates: bool) -> None:
    """Raise UsageError for a training that cannot be compiled; ``generates`` if it writes texts."""
    if asked and rank.count > 1:
        raise UsageError(
            f"training.compile: true compiles the training of one process, and {rank.count} train; "
            "name one device, or set false"
        )
    if asked and generates:
        raise UsageError(
            "training.compile: true is for models that do not write, and this one writes texts; "
            "false would work"
        )


def proof(log: CompileLog, micro_batches: int, *, asked: bool) -> Applied:
    """Compare the passes that graphs have run with the micro-batches of training."""
    got, note = log.passes > 0, ""
    if asked and log.passes != micro_batches:
        note = f"{log.passes} of {micro_batches} passes of training ran in compiled graphs"
    elif got and not asked:
        note = f"requested False, and {log.passes} passes of training ran in compiled graphs"
    evidence: Mapping[str, object] = {}
    if log.graphs:
        evidence = {
            "graphs": log.graphs,
            "graph_breaks": log.breaks,
            "recompiled_in_training": log.recompiled,
            "compile_seconds": log.seconds,
            "passes": log.passes,
        }
    return Applied(
        stage="training",
        knob="compile",
        asked=asked,
        got=got,
        how="passes of training that captured graphs have run, counted by the graphs",
        note=note,
        evidence=evidence,
    )
