"""The devices of a cell: one, or several that train together (``cpu:2``, ``cuda:0,1``).

``cpu:2`` are two processes that share the processors, ``cuda:0,1`` a process on each of two GPUs.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import Cell

FORM = r"auto|cpu(:([2-9]|[1-9][0-9]{1,3}))?|cuda(:(0|[1-9][0-9]{0,3})(,(0|[1-9][0-9]{0,3}))*)?"
"""Regular expression of what names devices; ``parts`` takes nothing else."""
ALLOWED = (
    "it is auto, cpu, cuda or cuda:N, or several that train together: cpu:N (N processes, from 2) "
    "or cuda:N,M,..."
)

ONE_PROCESS_KNOBS = ("cpu_threads", "cpu_affinity", "numa_node")
"""Knobs of the system stage that set what one process uses of the processors."""


def parts(devices: str) -> tuple[str, ...]:
    """Return the device of each process that trains: of ``cpu:2`` ``cpu`` twice, of ``cpu`` one."""
    kind, _, numbers = devices.partition(":")
    if kind == "cpu":
        return (kind,) * int(numbers or 1)
    if "," not in numbers:
        return (devices,)
    return tuple(f"{kind}:{number}" for number in numbers.split(","))


def is_well_formed(devices: str) -> bool:
    """Whether a text names devices, each GPU once."""
    return bool(re.fullmatch(FORM, devices)) and not _repeated(devices)


def wait_for_cuda() -> None:
    """Wait for what torch has queued on its current CUDA device, if the code uses torch at all."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)  # another thread may be importing torch
    if cuda is not None and cuda.is_initialized():
        cuda.synchronize()


def _repeated(devices: str) -> bool:
    numbers = devices.partition(":")[2].split(",")
    return len(set(numbers)) < len(numbers)


def check(devices: str, cells: Sequence[Cell]) -> None:
    """Raise UsageError if this machine, or one of the cells, cannot have several ``devices``."""
    count = len(parts(devices))
    if count == 1:
        return
    on_cpu = devices.startswith("cpu")
    if on_cpu:
        _check_cores(devices, count)
    for cell in cells:
        _check_batch(devices, count, cell)
        if on_cpu:
            _check_process_knobs(devices, cell)


def _check_cores(devices: str, count: int) -> None:
    from greenbench.machine.cpu_state import usable_cores

    cores = usable_cores()
    if cores is not None and count > cores:
        allowed = f"cpu, or at most cpu:{cores}" if cores > 1 else "cpu"
        raise UsageError(
            f"--green-device {devices}: {count} processes were requested, and this session may use "
            f"{cores} core(s); write {allowed}"
        )


def _check_batch(devices: str, count: int, cell: Cell) -> None:
    """Refuse a micro-batch that the processes cannot share evenly."""
    size, steps = cell.options.data.batch_size, cell.options.training.accumulation_steps
    micro = size // steps
    if micro % count:
        raise UsageError(
            f"--green-device {devices}: {cell.id} has micro-batches of {micro} examples "
            f"(data.batch_size {size} in {steps} step(s) of accumulation), which {count} processes "
            f"cannot share evenly; choose a number of devices that divides {micro}"
        )


def _check_process_knobs(devices: str, cell: Cell) -> None:
    """Refuse knobs that set what one process uses of the processors."""
    for knob in ONE_PROCESS_KNOBS:
        if getattr(cell.options.system, knob) is not None:
            raise UsageError(
                f"--green-device {devices}: {cell.id} sets system.{knob}, which is of one process, "
                "and the cell trains in several; leave the knob out, or run it with cpu"
            )
