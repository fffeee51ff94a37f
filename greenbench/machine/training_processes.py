"""Which cells can have the processes that their ``system.processes`` requests.

They share the processors as those of ``--green-device cpu:N`` do, of which the knob is the
variant's own form: so cells of one session can be compared that train in one process and in two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.machine import cpu_state
from greenbench.machine.devices import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.types import Cell


def devices_of(cell_processes: int | None, session_devices: str) -> str:
    """Return the devices that train a cell; a number of processes is one on the processors."""
    if cell_processes in {None, 1}:
        return session_devices
    return f"cpu:{cell_processes}"


def check(cells: Sequence[Cell], devices: Callable[[], str], *, reuse: bool) -> None:
    """Raise UsageError if this session cannot give a cell its processes.

    ``devices`` are the session's, resolved only if a cell asks for processes; ``reuse`` says
    whether trainings are to be kept. What contradicts within a variant is refused by
    ``experiment.knob_rules``.
    """
    for cell in cells:
        requested = cell.options.system.processes
        if requested is None:
            continue
        request = f"system.processes: {cell.id} requests {requested}"
        _check_devices(request, devices())
        if requested > 1:
            _check_cores(request, requested)
            _check_reuse(request, reuse=reuse)


def _check_devices(request: str, devices: str) -> None:
    if len(parts(devices)) > 1:
        raise UsageError(
            f"{request}, and --green-device {devices} says how many processes train every cell; "
            "leave out the one or the other"
        )
    if devices != "cpu":
        raise UsageError(
            f"{request} on the processors, and the cell trains on {devices}; give --green-device "
            "cpu, or name several GPUs there instead of the knob"
        )


def _check_cores(request: str, requested: int) -> None:
    cores = cpu_state.usable_cores()
    if cores is not None and requested > cores:
        raise UsageError(
            f"{request}, and this session may use {cores} core(s); choose at most {cores}"
        )


def _check_reuse(request: str, *, reuse: bool) -> None:
    if reuse:
        raise UsageError(
            f"{request}, and --green-reuse keeps no trainings of several processes; leave out "
            "--green-reuse, or this cell by -k"
        )
