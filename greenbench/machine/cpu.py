"""The processors' side of the machine: who kept them busy, how fast they ran, and whether heat held them back.

Read from /proc and /sys; what a kernel, container or virtual machine does not show is None. In a container /proc/stat
counts the whole host.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from greenbench.machine.processes import tree_cpu_seconds

TICKS = os.sysconf("SC_CLK_TCK")
OTHERS_SHARE, OTHERS_CORES = 0.1, 0.1
"""Others' part of all busy CPU seconds, and the cores that they kept busy, above which a reader should know."""
STOLEN_SHARE = 0.05
"""CPU seconds that the hypervisor gave to somebody else, as a part of those that were used here."""


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
    governors: tuple[str, ...]
    mean_mhz: float | None
    throttled: int | None
    """Times that a core was slowed down by heat."""
    hottest_c: float | None


def snapshot(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Snapshot:
    """Look at the processors; takes a few milliseconds."""
    busy, stolen = _seconds(proc / "stat")
    cores = sys / "devices" / "system" / "cpu"
    speeds = [int(text) / 1000 for text in _texts(cores, "cpu[0-9]*/cpufreq/scaling_cur_freq")]
    counts = [int(text) for text in _texts(cores, "cpu[0-9]*/thermal_throttle/*_throttle_count")]
    return Snapshot(
        at=time.perf_counter(),
        busy_s=busy,
        stolen_s=stolen,
        own_s=tree_cpu_seconds(),
        governors=tuple(sorted(set(_texts(cores, "cpu[0-9]*/cpufreq/scaling_governor")))),
        mean_mhz=sum(speeds) / len(speeds) if speeds else None,
        throttled=sum(counts) if counts else None,
        hottest_c=_hottest(),
    )


def _seconds(stat: Path) -> tuple[float | None, float | None]:
    """Return busy and stolen CPU seconds. ``user`` contains guests' time (proc(5)); waiting for disks is not work."""
    try:
        fields = stat.read_text().splitlines()[0].split()
        user, nice, system, _idle, _iowait, irq, softirq, stolen = (int(f) / TICKS for f in fields[1:9])
    except (OSError, ValueError, IndexError):  # absent or of another kind of kernel: then it is not known
        return None, None
    return user + nice + system + irq + softirq, stolen


def _texts(folder: Path, pattern: str) -> list[str]:
    found = []
    for file in folder.glob(pattern):
        try:
            found.append(file.read_text().strip())
        except OSError:  # a core that went offline meanwhile
            continue
    return found


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
    events = _moved(start.throttled, end.throttled)
    record = {
        "seconds": seconds,
        "own_cores": own / seconds,
        "others_cores": None if others is None else others / seconds,
        "stolen_cores": None if stolen is None else stolen / seconds,
        "governors": list(end.governors) or None,
        "frequency_mhz": {"start": start.mean_mhz, "end": end.mean_mhz},
        "temperature_c": {"start": start.hottest_c, "end": end.hottest_c},
        "throttle_events": None if events is None else int(events),
    }
    told = (
        _others(others, own, seconds),
        _stolen(stolen, own),
        f"heat slowed the CPU down {events:.0f} times during the round" if events else "",
        _changed(start.governors, end.governors),
    )
    return record, tuple(filter(None, told))


def _moved(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)


def _others(others: float | None, own: float, seconds: float) -> str:
    if others is None or others <= OTHERS_SHARE * (others + own) or others / seconds <= OTHERS_CORES:
        return ""
    share = 100 * others / (others + own)
    return (
        f"other processes kept {others / seconds:.2f} cores busy beside {own / seconds:.2f} of ours ({share:.0f} % of all CPU "
        "time): they cost time, and where a counter counts the whole socket their joules are in ours"
    )


def _stolen(stolen: float | None, own: float) -> str:
    if stolen is None or stolen <= STOLEN_SHARE * own:
        return ""
    return f"the hypervisor gave {stolen:.1f} CPU seconds to somebody else while {own:.1f} were used here"


def _changed(start: tuple[str, ...], end: tuple[str, ...]) -> str:
    return "" if start == end else f"the frequency governor changed from {', '.join(start)} to {', '.join(end)}"
