"""``torch.compile`` as the engine of a classifier, and what its graphs read back.

The model is compiled with its first batch, lengths free, in a window of the architecture stage.
What the compiler captured names the module of each operation: so the graphs themselves say which
layers run, in which precision and with which attention, and no hook has to break them.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import torch

from greenbench.stages import architecture, precision
from greenbench.stages.stack import stack_of
from greenbench.stages.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import fx
    from transformers import PreTrainedModel

    from greenbench.options import ArchitectureOptions
    from greenbench.stages.layers import Depth
    from greenbench.stages.objectives.interface import ModelInputs
    from greenbench.types import Applied

PATCHES: dict[str, Any] = {"force_disable_caches": True, "compile_threads": 1}
"""No kernel comes from an earlier round's compilation, and no worker process stays behind."""


@dataclass(slots=True)
class CompiledGraph:
    """What one captured graph computes."""

    layers: set[int] = field(default_factory=set)
    """Positions of the layers that it has a part of."""
    precisions: list[str] = field(default_factory=list)
    """Precision of each linear layer's output."""
    fused: int = 0
    """Calls of torch's fused attention."""


def read(captured: fx.GraphModule, name: str = "layers") -> CompiledGraph:
    """Read layers, precisions and attention from a captured graph.

    ``name`` is that of the list of layers in its module.
    """
    layer = re.compile(rf"\b{re.escape(name)}\W+(?:_modules\W+)?(\d+)")
    names = {dtype: name for name, dtype in precision.DTYPES.items()}
    graph = CompiledGraph()
    for node in captured.graph.nodes:
        for path, _ in node.meta.get("nn_module_stack", {}).values():
            found = layer.search(str(path))
            if found is not None:
                graph.layers.add(int(found[1]))
        target = str(node.target)
        if "scaled_dot_product_attention" in target:
            graph.fused += 1
        value = node.meta.get("example_value")
        if "linear" in target and isinstance(value, torch.Tensor):
            graph.precisions.append(names.get(value.dtype, str(value.dtype)))
    return graph


class GraphCompiler:
    """Compiles functions with torch's default compiler, and notes the graphs that are called."""

    def __init__(self, name: str) -> None:
        """Count graph breaks from now on; ``name`` is that of the list of layers."""
        from torch._dynamo.utils import counters

        counters.clear()
        self._name = name
        self.graphs: list[CompiledGraph] = []
        """All that were captured."""
        self.called: list[CompiledGraph] = []
        """Those that have run since the list was cleared."""

    def compiled(self, function: Callable[..., object]) -> Callable[..., object]:
        """Return ``function``, compiled when it is first called, all lengths free."""
        run: Callable[..., object] = torch.compile(function, backend=self._compile, dynamic=True)
        return run

    @property
    def breaks(self) -> int:
        """How often a graph ended within the function, as torch counts."""
        from torch._dynamo.utils import counters

        return sum(counters["graph_break"].values())

    def _compile(
        self, captured: fx.GraphModule, inputs: Sequence[torch.Tensor]
    ) -> Callable[..., object]:
        """Compile a captured graph; it notes when it is called."""
        from torch._inductor.compile_fx import compile_fx

        graph = read(captured, self._name)
        kernels: Any = compile_fx(captured, inputs, config_patches=PATCHES)
        self.graphs.append(graph)

        def call(*given: object) -> object:
            self.called.append(graph)
            return kernels(*given)

        return call


class CompiledEngine:
    """Answers batches by a compiled model."""

    name = "compile"

    def __init__(self, net: PreTrainedModel, batch: ModelInputs, device: torch.device) -> None:
        """Compile ``net`` for inference, as ``batch`` and the present autocast have it."""
        self._net = net.eval()
        self._device = device
        self.passes = 0
        self._compiler = GraphCompiler(stack_of(net).name)
        self._depth: Depth | None = None
        self._seen: Tally[str] = Tally("readings")
        self._run = self._compiler.compiled(net._call_impl)  # noqa: SLF001
        start = time.perf_counter()
        with torch.inference_mode():
            self._run(**batch)
        self.compile_seconds = time.perf_counter() - start
        self.graphs_at_first = len(self._compiler.graphs)
        self._fused = sum(graph.fused for graph in self._compiler.called)

    def eval(self) -> Self:
        """Do nothing: it is compiled for inference."""
        return self

    def watch(self, depth: Depth) -> None:
        """See ``Engine``."""
        self._depth = depth

    def __call__(self, **inputs: torch.Tensor) -> object:
        """Return what the model would."""
        self._compiler.called.clear()
        outputs: object = self._run(**inputs)
        self.passes += bool(self._compiler.called)
        ran = 0
        for graph in self._compiler.called:
            self._seen.counts.update(graph.precisions)
            ran |= self._bits(graph)
        if self._depth is not None:
            self._depth.passes.counts[ran] += 1
        return outputs

    def _bits(self, graph: CompiledGraph) -> int:
        kept = [] if self._depth is None else self._depth.kept
        return sum(1 << kept[layer] for layer in graph.layers if layer < len(kept))

    @property
    def precisions(self) -> Tally[str]:
        """See ``Engine``."""
        return self._seen

    @property
    def attention(self) -> Mapping[str, object]:
        """The model's configured attention, and calls of the fused one in the first pass."""
        configured = getattr(self._net.config, "_attn_implementation", None)
        return {"attention": configured, "fused_attention_calls": self._fused}

    @property
    def evidence(self) -> Mapping[str, object]:
        """See ``Engine``."""
        graphs = len(self._compiler.graphs)
        return {
            "graphs": graphs,
            "recompiled_at_inference": graphs - self.graphs_at_first,
            "graph_breaks": self._compiler.breaks,
            "compile_seconds": self.compile_seconds,
            "passes": self.passes,
        }

    def weight_proofs(
        self, options: ArchitectureOptions, trained: Mapping[str, torch.Tensor]
    ) -> tuple[Applied, ...]:
        """See ``Engine``: the graphs are called with the model's own weights."""
        return architecture.proofs(self._net, options, self._device, trained)
