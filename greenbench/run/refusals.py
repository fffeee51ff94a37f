"""Why a cell cannot run on a device, found before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError
from greenbench.experiment.knob_rules import contradiction
from greenbench.machine import devices, numa, training_processes
from greenbench.machine.control.requests import requests
from greenbench.run.inputs import stages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpu_records import Gpu
    from greenbench.stages.ranks.pool import Ranks
    from greenbench.tasks import Task
    from greenbench.types import Cell, TaskSize


def refusal(task: Task, cell: Cell, size: TaskSize, device: str, gpus: Sequence[Gpu] = ()) -> str:
    """Say why ``cell`` cannot run or a knob of it cannot act, and what would work; else nothing.

    First the rules on knobs that cannot stand together anywhere, then what this machine and each
    stage say of the ``device`` and the installed packages, then what the devices can be set to.
    """
    reason = contradiction(cell.options)
    if reason:
        return reason
    try:
        devices.check(device, [cell])
        training_processes.check([cell], lambda: device, reuse=False)
        numa.check([cell])
        stages_of(task, cell, size, lambda: _ranks(device)).check()
        asked = requests(cell.options.system, gpus)
    except GreenbenchError as error:
        return str(error)
    notes = [request.note for request in asked if request.note]
    return notes[0] if notes else ""


def _ranks(device: str) -> Ranks:
    from greenbench.stages.ranks.pool import Ranks

    return Ranks(device)
