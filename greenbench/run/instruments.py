"""The instruments of a session: its devices, the GPUs whose energy counts, and the meter.

Each is opened when it is first used, so that listing tests stays instant, and closed at the end.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Self

from greenbench.machine import allocation, integrated_gpus
from greenbench.machine.devices import parts, wait_for_cuda
from greenbench.machine.training_processes import devices_of
from greenbench.stages.ranks.pools import RankPools

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.experiment.settings import Settings
    from greenbench.machine.energy import Meter
    from greenbench.machine.gpu_records import Gpu, Survey
    from greenbench.machine.sensor_classes import UserSensors
    from greenbench.stages.ranks.pool import Ranks

IDLE_S = 5.0
"""Pause before the first cell and after the last, in which counters measure the idle power."""


class Instruments:
    """What measures the cells of one session; a context manager that closes what was opened."""

    def __init__(self, settings: Settings, own: UserSensors, *, knows_devices: bool) -> None:
        """Open nothing yet; ``knows_devices`` says whether a matrix tells where the code runs."""
        self.own = own
        """The user's own sensors."""
        self._settings = settings
        self._knows_devices = knows_devices
        self._meter: Meter | None = None
        self._pools = RankPools()
        self.no_host = allocation.why_shared()
        """Why joules of CPUs and memory do not count; set before the meter opens."""

    def __enter__(self) -> Self:
        """Return the instruments."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the meter, and end the guard and the other ranks."""
        self.close()

    @functools.cached_property
    def survey(self) -> Survey:
        """The GPUs of this machine, as they were when a first cell asked for them."""
        from greenbench.machine.gpus import survey

        return survey()

    def gpu_warnings(self) -> tuple[str, ...]:
        """Return which GPUs do not answer, and whether ``auto`` took the CPU beside a GPU."""
        if self._settings.device.startswith("cpu"):
            return ()
        machine = self.survey
        warnings = [str(lost) for lost in machine.lost]
        count = len(machine.gpus) + len(machine.lost)
        if count and self._knows_devices and self.device == "cpu":
            unseen = f"NVML lists {count} GPU(s), and torch can use none of them"
            warnings.append(f"--green-device auto: {unseen}: the cells run on the CPU")
        return tuple(warnings)

    def report_gpus(self, say: Callable[[str], None]) -> None:
        """Say each of ``gpu_warnings``."""
        for warning in self.gpu_warnings():
            say(warning)

    @functools.cached_property
    def device(self) -> str:
        """The torch device, or all of a cell; torch is imported only if a GPU may be among them.

        It is ``auto`` where a suite's own functions may run on any of the GPUs.
        """
        requested = self._settings.device
        if requested == "auto" and self.survey.gpus and not self._knows_devices:
            return requested
        on_cpu = requested == "auto" and not self.survey.gpus
        return "cpu" if on_cpu else _resolved(requested)

    def ranks(self, processes: int | None = None) -> Ranks:
        """Return the processes that train a cell; None are as many as the session has devices."""
        return self._pools.of(devices_of(processes, self.device))

    @functools.cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs whose energy counts; without a matrix ``auto`` takes all but MIG parts."""
        from greenbench.machine import gpus

        automatic = self._settings.gpus == self._settings.device == "auto"
        if automatic and not self._knows_devices:
            return gpus.whole(self.survey)
        return gpus.counted(self._settings.gpus, self.device)

    @property
    def meter(self) -> Meter:
        """The one meter of the session."""
        if self._meter is None:
            device = self.device if self._knows_devices else self._settings.device
            self._meter = _opened(self, self._settings, device)
        return self._meter

    @property
    def opened(self) -> bool:
        """Whether the meter was opened, and not closed again."""
        return self._meter is not None

    def measure_idle(self) -> tuple[str, ...]:
        """Let the machine rest, and measure its idle power; return warnings."""
        return self.meter.rest(IDLE_S)

    def measure_idle_again(self) -> tuple[str, ...]:
        """Do so at the end; a failure is a warning: the cells are measured and written."""
        try:
            return self.measure_idle()
        except Exception as error:  # noqa: BLE001  whatever a driver raises at the end
            failed = "the idle power could not be measured again at the end"
            return (f"{failed}: {type(error).__name__}: {error}",)

    @property
    def sampler_seconds(self) -> float | None:
        """CPU seconds of the thread that samples counters; None without one."""
        sampler = self._meter.sampler if self._meter is not None else None
        return sampler.cpu_seconds if sampler is not None else None

    def close(self) -> None:
        """Close what was opened; does nothing the second time."""
        self._pools.close()
        if self._meter is None:
            return
        from greenbench.machine.control.transaction import GUARD

        meter, self._meter = self._meter, None
        try:
            meter.close()
        finally:
            GUARD.stop()


def _opened(instruments: Instruments, settings: Settings, device: str) -> Meter:
    from greenbench.machine.energy import open_meter

    return open_meter(
        instruments.gpus,
        cpu_watts=settings.cpu_watts,
        synchronize=wait_for_cuda,
        no_host=instruments.no_host,
        own=instruments.own,
        integrated_gpu=integrated_gpus.counts(settings.gpus, device),
    )


def _resolved(requested: str) -> str:
    """Return what torch calls the requested device; several keep their common name."""
    if requested.startswith("cpu"):
        return requested
    from greenbench.stages.toggles import resolve_device

    resolved = [resolve_device(part) for part in parts(requested)]
    return requested if len(resolved) > 1 else str(resolved[0])
