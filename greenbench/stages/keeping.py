"""What all stages share that are kept for other cells: circumstances, peaks of memory, files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from greenbench.errors import UnavailableError
from greenbench.machine import variables
from greenbench.machine.memory import peak_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from greenbench.stages.cell_switches import CellSwitches


def require_one_device(stages: CellSwitches) -> None:
    """Raise UnavailableError if several devices train."""
    if stages.ranks.rank.count > 1:
        raise UnavailableError(
            f"--green-reuse: trainings on several devices ({stages.ranks.devices}) are not "
            "kept; name one device, or leave out --green-reuse"
        )


def circumstances(stages: CellSwitches) -> dict[str, Any]:
    """Return what decides a stage beside the cell's options, as builtins."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    processor = torch.backends.cpu
    threads = [torch.get_num_threads(), torch.get_num_interop_threads()]
    deterministic = torch.are_deterministic_algorithms_enabled()
    return {
        "size": asdict(stages.size),
        "device": str(stages.device),
        "threads": threads,
        "variables": variables.recorded(),
        "float32_matmul": torch.get_float32_matmul_precision(),
        "deterministic": deterministic,
        "cudnn": [cudnn.deterministic, cudnn.benchmark],
        "tf32": [cudnn.allow_tf32, matmul.allow_tf32],
        "mkldnn": bool(torch.backends.mkldnn.enabled),
        "capability": processor.get_cpu_capability(),
    }


def memory_peaks(device: torch.device) -> dict[str, int | None]:
    """Return the highest memory so far, in bytes, by the name of its count of work."""
    peaks = {"peak_memory_bytes": peak_memory_bytes(), "peak_gpu_memory_bytes": None}
    if device.type == "cuda":
        peaks["peak_gpu_memory_bytes"] = torch.cuda.max_memory_allocated(device)
    return peaks


def save(tensors: Mapping[str, torch.Tensor], file: Path) -> None:
    """Write tensors as safetensors; raises UnavailableError if the file cannot be written."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), file)
    except SafetensorError as error:
        raise UnavailableError(str(error)) from error
