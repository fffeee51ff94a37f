"""What a session of ONNX Runtime computed in a pass, read from the profile that it wrote itself.

Nodes keep the names of the modules that they come from: ``/net/model/layers.3/attn/Wo/MatMul``.
Those that the runtime has fused are named after one of their parts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from greenbench.stages.layers import Depth

ROOT = ".net."
"""Beginning of a module's name in the wrapper that is exported."""
FORMATS = {"float": "fp32"}
GENERAL = "Gemm"
"""Part of the kinds of nodes that add a bias to a product, as linear layers over rows do."""
FUSED = "fused "
"""Beginning of the name of a node that the runtime has put together, of its first part's name."""
PRODUCTS = ("MatMul", "Gemm")
"""Beginnings, or parts, of the kinds of nodes that multiply matrices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """A node that was computed."""

    name: str
    kind: str
    """``MatMul``, ``DynamicQuantizeMatMul``, ..."""
    provider: str
    inputs: tuple[str, ...]
    """Types of its inputs: ``float``, ``int8``."""
    outputs: tuple[str, ...]

    @property
    def multiplies(self) -> bool:
        """Whether it multiplies matrices."""
        return any(product in self.kind for product in PRODUCTS)


def read(file: Path) -> tuple[NodeRun, ...]:
    """Return the nodes that ran, from the profile in ``file``."""
    runs = []
    for event in json.loads(file.read_text("utf-8")):
        arguments = event.get("args") or {}
        if event.get("cat") == "Node" and "op_name" in arguments:
            runs.append(_node(event["name"], arguments))
    return tuple(runs)


def _node(name: str, arguments: Mapping[str, Any]) -> NodeRun:
    return NodeRun(
        name=name.removesuffix("_kernel_time"),
        kind=arguments["op_name"],
        provider=arguments.get("provider", ""),
        inputs=_types(arguments.get("input_type_shape", ())),
        outputs=_types(arguments.get("output_type_shape", ())),
    )


def _types(shapes: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    names: list[str] = []
    for shape in shapes:
        names.extend(shape)
    return tuple(names)


def layers_of(nodes: Iterable[NodeRun], depth: Depth) -> int:
    """Return the layers of ``depth`` that ``nodes`` belong to, as bits.

    The names count from 0 what was left of the whole model.
    """
    name, kept = depth.path.rpartition(".")[2], depth.kept
    layer = re.compile(rf"/{re.escape(name)}\.(\d+)/")
    ran = 0
    for node in nodes:
        found = layer.search(node.name)
        if found is not None and node.multiplies:
            ran |= 1 << kept[int(found[1])]
    return ran


def module_of(name: str) -> str:
    """Return the module that a node comes from: ``model.layers.3.attn.Wo``."""
    scope = name.removeprefix(FUSED).rpartition("/")[0]
    return scope.replace("/", ".").removeprefix(ROOT)


def may_be_converted(kind: str, name: str, head: str) -> bool:
    """Whether a node of this kind and name may multiply by the matrix of a linear layer.

    Those of the module ``head``, which gives the answer, keep FP32.
    """
    multiplies = any(product in kind for product in PRODUCTS)
    return multiplies and f"/{head}/" not in name


def linear_formats(nodes: Iterable[NodeRun], head: str) -> dict[str, str]:
    """Return the format of the matrix of each linear layer that ran, by module; not of ``head``.

    A node of a linear layer has one tensor of activations; a second one in floating point, of the
    same rank as in ``q @ k``, is attention's, which never is a ``Gemm``. A product's constants in
    floating point are not profiled.
    """
    found = {}
    for node in nodes:
        if not may_be_converted(node.kind, node.name, head):
            continue
        if "int8" in node.inputs:
            found[module_of(node.name)] = "int8"
        elif node.inputs == ("float",) or GENERAL in node.kind:
            found[module_of(node.name)] = "fp32"
    return found


def output_formats(nodes: Iterable[NodeRun], head: str) -> list[str]:
    """Return the precision that each linear layer answers in, but for those of ``head``."""
    linears = linear_formats(nodes, head)
    found = []
    for node in nodes:
        if node.multiplies and module_of(node.name) in linears:
            found += [FORMATS.get(name, name) for name in node.outputs[:1]]
    return found


def kinds(nodes: Iterable[NodeRun]) -> dict[str, int]:
    """Return how many nodes of each kind ran."""
    return dict(Counter(node.kind for node in nodes).most_common())
