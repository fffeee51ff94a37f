"""The processors' side of the machine: who kept them busy, how fast they ran, and whether heat held them back.

Read from /proc and /sys; what a kernel, container or virtual machine does not show is None. In a container /proc/stat
counts the whole host. Nothing here raises: a kernel that shows something else costs a number and no round.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from greenbench.machine.processes import tree_cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

TICKS = os.sysconf("SC_CLK_TCK")
OTHERS_SHARE, OTHERS_CORES = 0.1, 0.1
"""Others' part of all busy CPU seconds, and the cores that they kept busy, above which a reader should know."""
STOLEN_S = 0.05
"""Fewer stolen seconds are a few ticks of the kernel's clock."""
STOLEN_SHARE = 0.05
"""CPU seconds that the hypervisor gave to somebody else, as a part of those that were used here."""
LOOKED_AT = 8
"""Cores whose governor and frequency are read, evenly spread: x86 kernels before 5.18 sleep 10 to 20 ms for each core whose
frequency nobody asked for lately (``arch_freq_get_on_cpu`` in arch/x86/kernel/cpu/aperfmperf.c)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The processors at one moment; seconds are totals since the system started."""

    at: float
    busy_s: float | None
    """CPU seconds of all processes, and of the kernel for them."""
    stolen_s: float | None
    """CPU seconds that a hypervisor gave to somebody else."""
    own_s: float
    """CPU seconds of this process and its descendants."""
    pressure_s: float | None
    """Seconds in which some process was ready to run and found no core."""
    governors: tuple[str, ...]
    """Those of a few cores, each once."""
    mean_mhz: float | None
    """Of the same cores."""
    throttled: int | None
    """What the kernel's counters of heat add up to. Each core of a package counts an event of the package again."""
    hottest_c: float | None


def snapshot(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Snapshot:
    """Look at the processors; takes a few milliseconds, most of them to find our descendants."""
    at = time.perf_counter()
    busy, stolen = _seconds(proc / "stat")
    own = (
        tree_cpu_seconds()
    )  # right after the machine's seconds, so that both are of the same moment
    cores = _cores(sys / "devices" / "system" / "cpu")
    few = cores[:: -(-len(cores) // LOOKED_AT) or 1]
    speeds = _numbers(few, "cpufreq/scaling_cur_freq")
    counts = _numbers(
        cores, "thermal_throttle/core_throttle_count", "thermal_throttle/package_throttle_count"
    )
    return Snapshot(
        at=at,
        busy_s=busy,
        stolen_s=stolen,
        own_s=own,
        pressure_s=_pressure(proc / "pressure" / "cpu"),
        governors=tuple(sorted(set(_texts(few, "cpufreq/scaling_governor")))),
        mean_mhz=sum(speeds) / len(speeds) / 1000 if speeds else None,
        throttled=sum(counts) if counts else None,
        hottest_c=_hottest(),
    )


def _seconds(stat: Path) -> tuple[float | None, float | None]:
    """Return busy and stolen CPU seconds. ``user`` contains guests' time (proc(5)); waiting for disks is not work."""
    try:
        fields = stat.read_text().splitlines()[0].split()
        user, nice, system, _idle, _iowait, irq, softirq, stolen = (
            int(f) / TICKS for f in fields[1:9]
        )
    except (
        OSError,
        ValueError,
        IndexError,
    ):  # absent or of another kind of kernel: then it is not known
        return None, None
    return user + nice + system + irq + softirq, stolen


def _pressure(file: Path) -> float | None:
    """Return the seconds of the line ``some``, which the kernel counts in microseconds (Documentation/accounting/psi.rst)."""
    try:
        found = re.search(r"^some .*\btotal=(\d+)", file.read_text(), re.MULTILINE)
    except OSError:  # a kernel without PSI, or one that is told not to count it
        return None
    return None if found is None else int(found[1]) / 1e6


def _cores(folder: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(folder) if re.fullmatch(r"cpu\d+", name)]  # noqa: PTH208  see _texts
    except OSError:
        return []
    return [f"{folder}/{name}" for name in sorted(names, key=lambda name: int(name[3:]))]


def _texts(cores: Sequence[str], *files: str) -> list[str]:
    """Return what the files hold that are there. By descriptor: 500 paths and text files would take 40 ms instead of 4."""
    found = []
    for path in (f"{core}/{file}" for core in cores for file in files):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:  # not shown here, or a core that went offline meanwhile
            continue
        try:
            found.append(os.read(descriptor, 64).decode().strip())
        except OSError:
            continue
        finally:
            os.close(descriptor)
    return found


def _numbers(cores: Sequence[str], *files: str) -> list[int]:
    """Return the numbers in the files; a frequency may also be ``<unknown>``."""
    return [int(text) for text in _texts(cores, *files) if text.isdecimal()]


def _hottest() -> float | None:
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    chips = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
    known = [entry.current for chip in chips for entry in sensors.get(chip, ())]
    return max(known) if known else None


def between(start: Snapshot, end: Snapshot) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what happened between two snapshots, as plain builtins, and what a reader should know of it."""
    seconds = end.at - start.at
    own = max(0.0, end.own_s - start.own_s)
    busy, stolen = _moved(start.busy_s, end.busy_s), _moved(start.stolen_s, end.stolen_s)
    others = None if busy is None else max(0.0, busy - own)
    events, pressure = (
        _moved(start.throttled, end.throttled),
        _moved(start.pressure_s, end.pressure_s),
    )
    record = {
        "seconds": seconds,
        "own_cores": own / seconds,
        "others_cores": None if others is None else others / seconds,
        "stolen_cores": None if stolen is None else stolen / seconds,
        "governors": list(end.governors) or None,
        "frequency_mhz": {"start": start.mean_mhz, "end": end.mean_mhz},
        "temperature_c": {"start": start.hottest_c, "end": end.hottest_c},
        "throttle_events": None if events is None else int(events),
        "pressure_share": None if pressure is None else pressure / seconds,
    }
    told = (
        _others(others, own, seconds),
        _stolen(stolen, own),
        f"heat slowed the CPU down during the round: its throttle counters rose by {events:.0f}"
        if events
        else "",
        _changed(start.governors, end.governors),
    )
    return record, tuple(filter(None, told))


def _moved(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


def _others(others: float | None, own: float, seconds: float) -> str:
    if (
        others is None
        or others <= OTHERS_SHARE * (others + own)
        or others / seconds <= OTHERS_CORES
    ):
        return ""
    share = 100 * others / (others + own)
    return (
        f"other processes kept {others / seconds:.2f} cores busy beside {own / seconds:.2f} of ours ({share:.0f} % of all CPU "
        "time): they cost time, and where a counter counts the whole socket their joules are in ours"
    )


def _stolen(stolen: float | None, own: float) -> str:
    if stolen is None or stolen <= max(STOLEN_SHARE * own, STOLEN_S):
        return ""
    return f"the hypervisor gave {stolen:.2f} CPU seconds to somebody else while {own:.2f} were used here"


def _changed(start: tuple[str, ...], end: tuple[str, ...]) -> str:
    if start == end or not start or not end:  # what is not shown has not changed
        return ""
    return f"the frequency governor changed from {', '.join(start)} to {', '.join(end)}"
