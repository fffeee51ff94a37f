"""ONNX Runtime as the engine of a classifier: export, dynamic INT8, and what its session did.

The exporter that traces the model needs the package ``onnx`` alone. Matrices of linear layers stay
in FP32, or become INT8 with one scale for each output; activations then become INT8 in every pass.
The module that gives the answer stays in FP32, as everywhere (``weights.head_of``).
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

import torch
from torch import nn

from greenbench.stages import onnx_profile, onnx_weights, packing, weights
from greenbench.stages.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import ModelProto
    from onnxruntime import InferenceSession, SessionOptions

    from greenbench.options import ArchitectureOptions
    from greenbench.stages.layers import Depth
    from greenbench.stages.onnx_profile import NodeRun
    from greenbench.types import Applied

OPSET = 18
EXAMPLE = (2, 8)
"""Rows and tokens of the batch that is traced; both are free in the exported graph."""
INPUTS = ("input_ids", "attention_mask")
ON_CPU = ["CPUExecutionProvider"]
ERRORS_ONLY = 3
PROFILE = "profile"


class _Logits(nn.Module):
    """Gives the logits alone: a graph has tensors for outputs."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the logits, of shape (batch, classes)."""
        outputs = self.net(input_ids=input_ids, attention_mask=attention_mask)
        logits: torch.Tensor = outputs.logits
        return logits


def converted(net: nn.Module, *, in_int8: bool) -> OnnxEngine:
    """Return an engine that computes what ``net`` does."""
    graph, head = exported(net), weights.head_of(net)
    if in_int8:
        graph = onnx_weights.quantised(graph, head)
    return OnnxEngine(graph, head)


def exported(net: nn.Module) -> ModelProto:
    """Return ``net`` as an ONNX graph; batch and length are free."""
    import onnx

    ids = torch.ones(EXAMPLE, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, -1] = 0  # so that nobody takes a mask for needless
    free = {0: "batch", 1: "tokens"}
    of_texts = type(net).__name__.endswith(packing.OF_TEXTS)
    of_logits = {0: "batch"} if of_texts else free
    axes = {**dict.fromkeys(INPUTS, free), "logits": of_logits}
    with contextlib.ExitStack() as context:
        folder = context.enter_context(tempfile.TemporaryDirectory())
        context.enter_context(torch.inference_mode())
        context.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        file = str(Path(folder) / "model.onnx")
        torch.onnx.export(
            _Logits(net.eval()),
            (ids, mask),
            file,
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
        return onnx.load(file)


class OnnxEngine:
    """Answers batches with a session of ONNX Runtime, which has as many threads as torch."""

    name = "onnx"

    def __init__(self, graph: ModelProto, head: str) -> None:
        """Open the session; its first pass is profiled, to read back what it computes.

        ``head`` is the module that gives the answer.
        """
        from onnxruntime import InferenceSession

        self.graph = graph
        self._head = head
        self.passes = 0
        self._folder = tempfile.TemporaryDirectory()
        options = _session_options(Path(self._folder.name))
        contents = graph.SerializeToString()
        self.session: InferenceSession = InferenceSession(contents, options, providers=ON_CPU)
        self._depth: Depth | None = None
        self._nodes: tuple[NodeRun, ...] = ()

    def eval(self) -> Self:
        """Do nothing: the graph has no other mode."""
        return self

    def watch(self, depth: Depth) -> None:
        """See ``Engine``."""
        self._depth = depth

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        """Return what the model would: an object with ``logits``."""
        inputs = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
        (logits,) = self.session.run(["logits"], inputs)
        if not self.passes:
            self._read_profile()
        self.passes += 1
        if self._depth is not None:
            ran = onnx_profile.layers_of(self._nodes, self._depth)
            self._depth.passes.counts[ran] += 1
        return SimpleNamespace(logits=torch.from_numpy(logits))

    def _read_profile(self) -> None:
        """End the profile after the first pass; the graph is the same in all of them."""
        file = Path(self.session.end_profiling())
        self._nodes = onnx_profile.read(file)
        self._folder.cleanup()

    @property
    def precisions(self) -> Tally[str]:
        """See ``Engine``: the types that linear layers gave, whatever their weights are held in."""
        seen: Tally[str] = Tally("readings")
        for name in onnx_profile.output_formats(self._nodes, self._head):
            seen.counts[name] += self.passes
        return seen

    @property
    def evidence(self) -> Mapping[str, object]:
        """See ``Engine``."""
        options = self.session.get_session_options()
        types = {tensor.name: tensor.type for tensor in self.session.get_inputs()}
        return {
            "providers": self.session.get_providers(),
            "inputs": types,
            "threads": options.intra_op_num_threads,
            "nodes": onnx_profile.kinds(self._nodes),
            "passes": self.passes,
        }

    def weight_proofs(
        self, options: ArchitectureOptions, trained: Mapping[str, torch.Tensor]
    ) -> tuple[Applied, ...]:
        """See ``Engine``."""
        return onnx_weights.proofs(self.graph, self._nodes, self._head, options, trained)


def _session_options(folder: Path) -> SessionOptions:
    from onnxruntime import SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / PROFILE)
    return options
