"""The matrices of a classifier's ONNX graph: INT8, and the proofs of how they are held."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from greenbench.stages import onnx_profile, weights
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    from greenbench.options import ArchitectureOptions
    from greenbench.stages.onnx_profile import NodeRun

MATRIX_NODES = ["MatMul", "Gemm"]
REPLACED = "_MatMul"
"""What is added to the name of a ``Gemm`` that quantising divides into product and sum."""
HALF_RANGE = 2
"""Without VNNI, sums of products of whole INT8 weights overflow: then weights have 7 bits."""


def quantised(graph: ModelProto, head: str) -> ModelProto:
    """Return ``graph`` with the linear layers' matrices in INT8, but for those of ``head``."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    add_pre_process_metadata(graph)  # else a warning recommends what changes nothing here
    kept = []
    for node in graph.graph.node:
        if f"/{head}/" in node.name:
            kept += [node.name, node.name + REPLACED]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "int8.onnx"
        quantize_dynamic(
            graph,
            file,
            op_types_to_quantize=MATRIX_NODES,
            per_channel=True,
            reduce_range=not _has_vnni(),
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )
        return onnx.load(str(file))


def _has_vnni() -> bool:
    return torch.cpu._is_vnni_supported()  # noqa: SLF001


def proofs(
    graph: ModelProto,
    nodes: Iterable[NodeRun],
    head: str,
    options: ArchitectureOptions,
    trained: Mapping[str, torch.Tensor],
) -> tuple[Applied, ...]:
    """Read the format from the nodes that ran, and compare the matrices with the trained ones.

    ``trained`` holds rows of the weights at the end of training.
    """
    held = onnx_profile.linear_formats(nodes, head)
    found = matrices(graph, head)
    formats = "+".join(sorted(set(held.values())))
    lost = sorted(found.keys() - held.keys())
    steps = _deviation(found, held, trained)
    note = ""
    if formats != options.weight_format:
        note = f"the linear layers multiply by weights in {formats or 'no format'}"
    elif lost:
        note = f"{len(lost)} linear layers did not run: {', '.join(lost)}"
    elif steps is not None and steps > weights.ROUNDED:
        note = f"the converted weights are not the trained ones: one is {steps:.3g} steps away"
    weight_format = Applied(
        stage="architecture",
        knob="weight_format",
        asked=options.weight_format,
        got=formats or None,
        how=f"types of the matrices of {len(held)} linear layers, in the profile of the session",
        note=note,
        evidence={"steps_from_trained": steps},
    )
    library = _unused("quantizer", options.quantizer)
    return weight_format, library, _unused("int8_threshold", options.int8_threshold)


def _unused(knob: str, asked: object) -> Applied:
    return Applied(
        stage="architecture",
        knob=knob,
        asked=asked,
        got=None,
        how="ONNX Runtime holds the weights itself",
    )


def matrices(graph: ModelProto, head: str) -> dict[str, torch.Tensor]:
    """Return the matrix of each linear layer that may be converted, of shape (outputs, inputs).

    Those of the module ``head`` may not.
    """
    from onnx import numpy_helper

    stored = {}
    for tensor in graph.graph.initializer:
        stored[tensor.name] = numpy_helper.to_array(tensor)
    found = {}
    for node in graph.graph.node:
        module = onnx_profile.module_of(node.name)
        may = onnx_profile.may_be_converted(node.op_type, node.name, head)
        if may and node.input[1] in stored:
            found[module] = _matrix(node, stored)
    return found


def _matrix(node: NodeProto, stored: Mapping[str, NDArray[Any]]) -> torch.Tensor:
    name = node.input[1]
    matrix = torch.from_numpy(stored[name].copy())
    scale = stored.get(name.removesuffix("_quantized") + "_scale")
    if scale is None:
        return matrix if _is_transposed(node) else matrix.T
    scaled = matrix.float() * torch.from_numpy(scale.copy())
    return scaled.T


def _is_transposed(node: NodeProto) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)


def _deviation(
    found: Mapping[str, torch.Tensor],
    held: Mapping[str, str],
    trained: Mapping[str, torch.Tensor],
) -> float | None:
    """Return the largest distance of a weight from its trained value, in steps; see ``weights``."""
    coarseness = 1 if _has_vnni() else HALF_RANGE
    distances = []
    for module, matrix in found.items():
        rows = trained.get(f"{module}.weight")
        if rows is not None:
            steps = weights.apart(rows, matrix, held.get(module, ""))
            distances.append(steps / coarseness)
    return max(distances, default=None)
