"""The meters of this process: opened by the first block that needs one, and closed at its exit.

Opening finds the sensors and watches how often they move, which takes up to some seconds; so it
happens once for each choice of what counts, and the blocks of all threads share the meter.
"""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.machine import integrated_gpus
from greenbench.machine.devices import wait_for_cuda

if TYPE_CHECKING:
    from greenbench.machine.energy.meter import Meter
    from greenbench.machine.gpu_records import Gpu

GPUS = "measure(gpus=...)"
"""What messages call the choice of GPUs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterScope:
    """What a block's joules are about."""

    gpus: str = "auto"
    """``auto`` are all visible NVIDIA GPUs but partitioned ones, ``none`` none, ``all`` all;
    otherwise UUIDs, separated by commas."""
    cpu_watts: float | None = None
    """Watts of a busy logical core, where there is no counter; None looks them up."""
    sensors: tuple[str, ...] = ()
    """Classes of the user's own sensors, as ``MODULE:CLASS``."""


class ProcessMeters:
    """One meter for each scope that was asked for."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._meters: dict[MeterScope, Meter] = {}
        self._lock = threading.Lock()

    def meter(self, scope: MeterScope, rest_s: float = 0.0) -> Meter:
        """Return the meter of ``scope``, opened when it is first asked for.

        The machine rests for ``rest_s`` if that meter does not know its idle power yet. Raises
        UsageError or UnavailableError for GPUs that cannot be counted.
        """
        with self._lock:
            meter = self._meters.get(scope)
            if meter is None:
                meter = _opened(scope)
                self._meters[scope] = meter
            if rest_s and not meter.idle.seconds:
                meter.rest(rest_s)
            return meter

    def close(self) -> None:
        """Close all meters; a block that begins afterwards opens its own again."""
        with self._lock:
            meters = list(self._meters.values())
            self._meters.clear()
        for meter in meters:
            meter.close()

    def forget(self) -> None:
        """In a forked child: the parent's meters stay the parent's, and their thread is not here.

        The lock is new too: another thread of the parent may have held it.
        """
        self._meters = {}
        self._lock = threading.Lock()


def _opened(scope: MeterScope) -> Meter:
    from greenbench.machine.energy.meter import open_meter
    from greenbench.machine.sensor_classes import UserSensors

    gpus, no_gpu = _gpus(scope.gpus)
    return open_meter(
        gpus,
        cpu_watts=scope.cpu_watts,
        synchronize=wait_for_cuda,
        no_gpu=no_gpu,
        integrated_gpu=integrated_gpus.counts(scope.gpus, "auto"),
        own=UserSensors(names=scope.sensors, root=Path.cwd(), option="measure(sensors=...)"),
    )


def _gpus(selection: str) -> tuple[tuple[Gpu, ...], str]:
    """Return the GPUs that count, and why there is none."""
    from greenbench.machine.gpus import counted, survey, whole

    if selection != "auto":
        return counted(selection, "cuda", GPUS), f"{GPUS} is {selection}"
    machine = survey()
    return whole(machine), machine.reason or "all visible GPUs are partitioned by MIG"


METERS = ProcessMeters()
atexit.register(METERS.close)
os.register_at_fork(after_in_child=METERS.forget)
