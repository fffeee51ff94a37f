"""The processors' state: who kept them busy, how fast they ran, and whether heat slowed them down.

Read from /proc and /sys; what a kernel, container or virtual machine does not show is None. In a
container /proc/stat counts the whole host. Nothing here raises: an unknown format costs one number
and not the round.
"""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from greenbench.machine.processes import tree_cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

TICKS = os.sysconf("SC_CLK_TCK")
OTHERS_SHARE = 0.1
"""Other processes' share of all busy CPU seconds above which they are reported..."""
OTHERS_CORES = 0.1
"""... provided that they also kept more than this many cores busy."""
STOLEN_S = 0.05
"""Fewer stolen seconds are a few ticks of the kernel's clock."""
STOLEN_SHARE = 0.05
"""CPU seconds that the hypervisor withheld, as a share of those that were used here."""
SHORTEST_S = 0.2
"""In less time the kernel's clock of 10 ms does not tell who used the processors."""
LOOKED_AT = 8
"""Cores whose governor and frequency are read, evenly spread.

x86 kernels before 5.18 sleep 10 to 20 ms for each core whose frequency nobody read lately
(``arch_freq_get_on_cpu`` in arch/x86/kernel/cpu/aperfmperf.c).
"""
CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
"""Names of the kernel's temperature sensors of processors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The processors at one moment; seconds are totals since the system started."""

    at: float
    busy_s: float | None
    """CPU seconds of all processes, and of the kernel for them."""
    stolen_s: float | None
    """CPU seconds that a hypervisor gave to other virtual machines."""
    own_s: float
    """CPU seconds of this process and its descendants."""
    pressure_s: float | None
    """Seconds in which some process was ready to run and had no core."""
    governors: tuple[str, ...]
    """Those of ``LOOKED_AT`` cores, each once."""
    mean_mhz: float | None
    """Of the same cores."""
    throttled: int | None
    """Sum of the kernel's thermal counters. Each core of a package repeats the package's events."""
    hottest_c: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUse:
    """What happened between two snapshots; None stands for what the kernel does not show."""

    seconds: float
    own_s: float
    others_s: float | None
    """CPU seconds of processes outside our own tree."""
    stolen_s: float | None
    pressure_s: float | None
    throttle_events: float | None

    def per_second(self, seconds: float | None) -> float | None:
        """Return CPU seconds as a mean number of cores; None stays None."""
        if seconds is None:
            return None
        return seconds / self.seconds


def snapshot(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Snapshot:
    """Read the processors' state.

    Takes a few milliseconds, most of them to find this process's descendants.
    """
    at = time.perf_counter()
    busy, stolen = _busy_and_stolen(proc / "stat")
    own = tree_cpu_seconds()  # right after the machine's seconds: both are of the same moment
    cores = _cores(sys / "devices" / "system" / "cpu")
    stride = -(-len(cores) // LOOKED_AT) or 1
    some_cores = cores[::stride]
    governors = _texts(some_cores, "cpufreq/scaling_governor")
    return Snapshot(
        at=at,
        busy_s=busy,
        stolen_s=stolen,
        own_s=own,
        pressure_s=_pressure(proc / "pressure" / "cpu"),
        governors=tuple(sorted(set(governors))),
        mean_mhz=_mean_mhz(some_cores),
        throttled=_throttled(cores),
        hottest_c=_hottest(),
    )


def busy_seconds() -> float | None:
    """Return the CPU seconds of all processes since the system started; None if not shown."""
    return _busy_and_stolen(Path("/proc/stat"))[0]


def _busy_and_stolen(stat: Path) -> tuple[float | None, float | None]:
    """Return busy and stolen CPU seconds.

    ``user`` includes guests' time (proc(5)); waiting for disks is not work.
    """
    try:
        line = stat.read_text().splitlines()[0]
        ticks = [int(field) for field in line.split()[1:9]]
        user, nice, system, _idle, _iowait, irq, softirq, stolen = (t / TICKS for t in ticks)
    except (OSError, ValueError, IndexError):  # absent, or another kernel's format
        return None, None
    return user + nice + system + irq + softirq, stolen


def _pressure(file: Path) -> float | None:
    """Return the seconds of the line ``some``.

    The kernel counts them in microseconds (Documentation/accounting/psi.rst).
    """
    try:
        text = file.read_text()
    except OSError:  # a kernel without PSI, or with PSI switched off
        return None
    line = re.search(r"^some .*\btotal=(\d+)", text, re.MULTILINE)
    if line is None:
        return None
    return int(line[1]) / 1e6


def _cores(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208  see _texts
    except OSError:
        return []
    numbers = []
    for name in names:
        core = re.fullmatch(r"cpu(\d+)", name)
        if core is not None:
            numbers.append(int(core[1]))
    return [f"{folder}/cpu{number}" for number in sorted(numbers)]


def _mean_mhz(cores: Sequence[str]) -> float | None:
    kilohertz = _numbers(cores, "cpufreq/scaling_cur_freq")
    if not kilohertz:
        return None
    return sum(kilohertz) / len(kilohertz) / 1000


def _throttled(cores: Sequence[str]) -> int | None:
    of_core = "thermal_throttle/core_throttle_count"
    of_package = "thermal_throttle/package_throttle_count"
    counts = _numbers(cores, of_core, of_package)
    return sum(counts) if counts else None


def _numbers(cores: Sequence[str], *files: str) -> list[int]:
    """Return the numbers in the files; a frequency may also be ``<unknown>``."""
    return [int(text) for text in _texts(cores, *files) if text.isdecimal()]


def _texts(cores: Sequence[str], *files: str) -> list[str]:
    """Return the contents of those of ``files`` that exist below ``cores``.

    Read by descriptor: 500 paths and text files would take 40 ms instead of 4.
    """
    texts = []
    for core in cores:
        for file in files:
            text = _text(f"{core}/{file}")
            if text is not None:
                texts.append(text)
    return texts


def _text(path: str) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # not shown here, or the core went offline meanwhile
        return None
    try:
        return os.read(descriptor, 64).decode().strip()
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _hottest() -> float | None:
    if not hasattr(psutil, "sensors_temperatures"):
        return None
    sensors = psutil.sensors_temperatures()
    temperatures = []
    for chip in CHIPS:
        for entry in sensors.get(chip, ()):
            temperatures.append(entry.current)
    return max(temperatures, default=None)


def between(start: Snapshot, end: Snapshot) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return what happened between two snapshots, as plain builtins, and the warnings about it."""
    use = cpu_use(start, end)
    warnings = (
        _others_warning(use),
        _stolen_warning(use),
        _heat_warning(use),
        _governor_warning(start.governors, end.governors),
    )
    return _record(use, start, end), tuple(filter(None, warnings))


def cpu_use(start: Snapshot, end: Snapshot) -> CpuUse:
    """Return how far the counters of two snapshots are apart."""
    busy = _increase(start.busy_s, end.busy_s)
    own = max(0.0, end.own_s - start.own_s)
    return CpuUse(
        seconds=end.at - start.at,
        own_s=own,
        others_s=None if busy is None else max(0.0, busy - own),
        stolen_s=_increase(start.stolen_s, end.stolen_s),
        pressure_s=_increase(start.pressure_s, end.pressure_s),
        throttle_events=_increase(start.throttled, end.throttled),
    )


def _increase(start: float | None, end: float | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0.0, end - start)


def _record(use: CpuUse, start: Snapshot, end: Snapshot) -> dict[str, object]:
    events = use.throttle_events
    return {
        "seconds": use.seconds,
        "own_cores": use.per_second(use.own_s),
        "others_cores": use.per_second(use.others_s),
        "stolen_cores": use.per_second(use.stolen_s),
        "governors": list(end.governors) or None,
        "frequency_mhz": {"start": start.mean_mhz, "end": end.mean_mhz},
        "temperature_c": {"start": start.hottest_c, "end": end.hottest_c},
        "throttle_events": None if events is None else int(events),
        "pressure_share": use.per_second(use.pressure_s),
    }


def _others_warning(use: CpuUse) -> str:
    own, others = use.own_s, use.others_s
    if others is None or others <= OTHERS_SHARE * (others + own):
        return ""
    if others / use.seconds <= OTHERS_CORES:
        return ""
    share = 100 * others / (others + own)
    cores = f"{others / use.seconds:.2f} cores busy beside {own / use.seconds:.2f} of ours"
    return (
        f"other processes kept {cores} ({share:.0f} % of all CPU time): they cost time, and "
        "a counter of the whole socket includes their joules"
    )


def _stolen_warning(use: CpuUse) -> str:
    stolen = use.stolen_s
    if stolen is None or stolen <= max(STOLEN_SHARE * use.own_s, STOLEN_S):
        return ""
    used = f"while {use.own_s:.2f} were used here"
    return f"the hypervisor gave {stolen:.2f} CPU seconds to other virtual machines {used}"


def _heat_warning(use: CpuUse) -> str:
    if not use.throttle_events:
        return ""
    rise = f"its throttle counters rose by {use.throttle_events:.0f}"
    return f"heat slowed the CPU down: {rise}"


def _governor_warning(start: tuple[str, ...], end: tuple[str, ...]) -> str:
    if start == end or not start or not end:  # a governor that is not shown has not changed
        return ""
    return f"the frequency governor changed from {', '.join(start)} to {', '.join(end)}"


def usable_cores() -> int | None:
    """Return how many logical cores this process may run on; None where the kernel hides it."""
    if sys.platform != "linux":
        return None
    cores = psutil.Process().cpu_affinity()
    return len(cores) if cores else None
