"""Feeds the same faulty counters to greenbench, Zeus and CodeCarbon, and compares their reports.

    pip install codecarbon && python tools/side_by_side.py

One simulated GPU and one simulated CPU package, whose true joules are known, run for a few seconds;
the three tools measure them at the same time in one process. Prints a Markdown table. Needs a C
compiler and a machine without an NVIDIA driver.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import zeus.device.cpu
import zeus.device.gpu
from zeus.device.cpu import rapl

from greenbench.machine import gpus as devices
from greenbench.machine.energy import open_meter, rapl_sensors
from greenbench.report.numbers import plus_minus
from greenbench.stats.uncertainty import energies
from tests.simulators import nvml
from tests.simulators.powercap import Powercap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulators.nvml import SimulatedGpu
    from tests.simulators.powercap import Zone

SECONDS = 4.0
JOULES_PER_KWH = 3.6e6
CODECARBON_FOLDER = "/sys/class/powercap/intel-rapl/subsystem"
"""Where CodeCarbon looks for RAPL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, on which counter, and how long the window is."""

    name: str
    channel: str
    act: Callable[[SimulatedGpu, Zone], None] = lambda _gpu, _zone: None
    undo: Callable[[SimulatedGpu, Zone], None] = lambda _gpu, _zone: None
    seconds: float = SECONDS
    start_j: float = 100.0
    range_j: float = 262143.32885
    late: bool = False
    """Whether it happens at the window's last moment."""


FAULTS = (
    Fault(name="none", channel="gpu"),
    Fault(name="a window of 30 ms", channel="gpu", seconds=0.03),
    Fault(name="a window of 0.3 s", channel="gpu", seconds=0.3),
    Fault(name="counter stands still for 1 s and loses it", channel="gpu",
          act=lambda g, _: g.stick(), undo=lambda g, _: g.unstick(catch_up=False)),
    Fault(name="counter begins at 0 again", channel="gpu", act=lambda g, _: g.restart_counter()),
    Fault(name="one reading 500 J too low, at the end", channel="gpu",
          act=lambda g, _: g.glitch(500), late=True),
    Fault(name="counter a thousand times too fast", channel="gpu",
          act=lambda g, _: setattr(g, "unit_factor", 1000.0)),
    Fault(name="power sensor shows 30 % more", channel="gpu",
          act=lambda g, _: setattr(g, "sensor_factor", 1.3)),
    Fault(name="GPU lost in mid-window", channel="gpu", act=lambda g, _: setattr(g, "lost", 1)),
    Fault(name="none", channel="cpu"),
    Fault(name="one wrap", channel="cpu", start_j=262143.0),
    Fault(name="eight wraps (a range of 200 J)", channel="cpu", range_j=200.0, start_j=60.0),
    Fault(name="a wrap in the last milliseconds", channel="cpu",
          range_j=1e5, start_j=1e5 - 400 * 3.995),
    Fault(name="counter falls back by 600 J", channel="cpu", start_j=5000.0,
          act=lambda _, z: z.fall(600)),
    Fault(name="counter stands still from the middle on", channel="cpu",
          act=lambda _, z: setattr(z, "stuck", True)),
)  # fmt: skip


def codecarbon_tracker(folder: Path) -> Any:
    """Return CodeCarbon's tracker of the whole machine, pointed at the simulated RAPL."""
    from codecarbon import OfflineEmissionsTracker
    from codecarbon.core import cpu
    from codecarbon.external import hardware

    for function in (cpu.IntelRAPL.__init__, hardware.CPU.__init__):
        function.__defaults__ = tuple(
            str(folder) if d == CODECARBON_FOLDER else d for d in function.__defaults__
        )
    cpu.is_rapl_available = lambda *_: True
    return OfflineEmissionsTracker(
        country_iso_code="FRA",
        measure_power_secs=1,
        save_to_file=False,
        tracking_mode="machine",
        gpu_ids=[0],
        log_level="critical",
        allow_multiple_runs=True,
    )


def zeus_monitor(folder: Path) -> Any:
    """Return Zeus's own monitor of both devices."""
    from zeus.monitor import ZeusMonitor

    rapl.RAPL_DIR = str(folder)
    rapl.rapl_is_available.cache_clear()
    zeus.device.cpu._cpus = None  # noqa: SLF001 - Zeus keeps the devices of its first look
    return ZeusMonitor(gpu_indices=[0], cpu_indices=[0])


def shown(joules: float | None, true: float) -> str:
    """Write what a tool reports, and by how much it is off."""
    if joules is None:
        return "no value"
    return f"{joules:.4g} J ({100 * (joules / true - 1):+.3g} %)"


def guarded(read: Callable[[], float | None]) -> float | str | None:
    """Return what ``read`` returns, or the exception that it ends with."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - what a tool does with a fault is the question here
        return f"{type(error).__name__}"


def row(fault: Fault, driver: nvml.SimulatedNvml, folder: Path) -> str:
    """Let the three tools measure ``fault``, and return the table's row."""
    (gpu,) = driver.plug()
    gpu.power_w = 300.0
    tree = Powercap(folder / f"{fault.channel} {fault.name}"[:60].replace(":", ""))
    zone = tree.zone(0, "package-0", fault.start_j, fault.range_j)
    rapl_sensors.FOLDERS = (tree.root,)
    monitor = zeus_monitor(tree.root)
    tracker = codecarbon_tracker(tree.root)
    true_j = (lambda: gpu.true_j) if fault.channel == "gpu" else (lambda: zone.true_j)
    with open_meter(devices.gpus()) as meter, zone.driven(0.0 if fault.channel == "gpu" else 400.0):
        time.sleep(0.5)
        tracker.start()
        monitor.begin_window("window", sync_execution=False)
        with meter.window("window"):
            before = true_j()
            wait = fault.seconds if fault.late else fault.seconds / 2
            time.sleep(wait)
            fault.act(gpu, zone)
            time.sleep(0.0 if fault.late else min(1.0, fault.seconds / 2))
            fault.undo(gpu, zone)
            time.sleep(max(0.0, fault.seconds - wait - 1.0) if not fault.late else 0.0)
            true = true_j() - before
        ours = energies([meter.take()[0].energy])[f"{fault.channel}_j"]
        if fault.late:
            fault.act(gpu, zone)  # each tool meets it at its own last reading
        zeus_report = guarded(lambda: of_zeus(monitor, fault.channel))
        if fault.late:
            fault.act(gpu, zone)
        carbon_report = guarded(lambda: of_codecarbon(tracker, fault.channel))
    stop_trackers(monitor)
    if ours.value is None:
        own_report = f"none: {ours.reason}"
    else:
        own_report = plus_minus(ours.value, ours.uncertainty, "J")
    cells = [fault.channel.upper(), fault.name, f"{true:.4g} J", own_report]
    for report in (zeus_report, carbon_report):
        cells.append(report if isinstance(report, str) else shown(report, true))
    return f"| {' | '.join(cells)} |"


def of_zeus(monitor: Any, channel: str) -> float | None:
    """Return the joules that Zeus reports for the window."""
    measured = monitor.end_window("window", sync_execution=False)
    return float(measured.gpu_energy[0] if channel == "gpu" else measured.cpu_energy[0])


def of_codecarbon(tracker: Any, channel: str) -> float | None:
    """Return the joules that CodeCarbon reports for the run."""
    tracker.stop()
    data = tracker.final_emissions_data
    return float((data.gpu_energy if channel == "gpu" else data.cpu_energy) * JOULES_PER_KWH)


def stop_trackers(monitor: Any) -> None:
    """End the processes that Zeus follows RAPL's wraps with."""
    for cpu in monitor.cpus.cpus:
        if cpu.rapl_file._wraparound_tracker is not None:  # noqa: SLF001
            cpu.rapl_file.wraparound_tracker._stop()  # noqa: SLF001


def print_row(fault: Fault) -> None:
    """Print the row of ``fault``.

    It needs a process of its own: CodeCarbon and Zeus keep the hardware that they saw first.
    """
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if nvml.real_driver():
        raise SystemExit("there is a real NVIDIA driver here: it cannot be simulated beside it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = nvml.build(folder)
        if library is None:
            raise SystemExit("there is no C compiler to build the simulated driver with")
        # CodeCarbon takes a machine without this command for one without a GPU.
        (folder / "nvidia-smi").write_text("#!/bin/sh\n")
        (folder / "nvidia-smi").chmod(0o755)
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
        print(row(fault, nvml.SimulatedNvml(library, folder / "state"), folder), flush=True)


def main() -> None:
    """Print the table, or the row of the fault whose number is given."""
    if len(sys.argv) > 1:
        print_row(FAULTS[int(sys.argv[1])])
        return
    print(
        "| counter | fault | truth | greenbench | Zeus | CodeCarbon |\n|---|---|---|---|---|---|",
        flush=True,
    )
    for number in range(len(FAULTS)):
        process = subprocess.run(
            [sys.executable, __file__, str(number)], capture_output=True, text=True, check=False
        )
        rows = [line for line in process.stdout.splitlines() if line.startswith("| ")]
        print(*(rows or [f"| {FAULTS[number].name}: {process.stderr[-200:]}"]), flush=True)


if __name__ == "__main__":
    main()
