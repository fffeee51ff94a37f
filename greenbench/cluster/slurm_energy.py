"""What Slurm's accounting says a job's nodes took: ``ConsumedEnergyRaw`` of ``sacct``, in joules.

Slurm reads a counter of the whole node when a step begins and ends, so a job's joules are those of
all who use the node in that time, idle included; what the counter holds depends on the plugin
(``AcctGatherEnergyType`` in slurm.conf's manual). Each step of a job counts the node by itself, and
the batch step lasts as long as the job: the largest is taken, the sum would count a node twice.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from greenbench.results.counted_energy import CountedJoules
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENTS = {
    "rapl": ("cpu", "dram"),
    "gpu": ("gpu",),
    "ipmi": CHANNELS,
    "pm_counters": CHANNELS,
    "xcc": CHANNELS,
}
"""What plugins' counters hold of the channels: RAPL sockets and memory, a board's all of a node."""
TYPE = re.compile(r"^AcctGatherEnergyType\s*=\s*(\S+)", re.MULTILINE)
ON_ITS_WAY = ("PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED", "CONFIGURING")
UNKNOWN_FROM = 2**63
"""Slurm's marks for a value that it does not know are the largest 64-bit integers."""
TIMEOUT_S = 60


def slurm_joules(ids: Sequence[str]) -> dict[str, CountedJoules]:
    """Return what Slurm counted of jobs, by the ids that ``SLURM_JOB_ID`` gave them.

    Where accounting, or its energy, is off, joules are None with the reason.
    """
    source, channels, reason = _plugin()
    if reason:
        return dict.fromkeys(ids, CountedJoules(source=source, reason=reason))
    jobs = ",".join(ids)
    columns = "--format=JobIDRaw,State,ConsumedEnergyRaw"
    told, reason = _said(["sacct", "--noheader", "--parsable2", columns, f"--jobs={jobs}"])
    known = _by_job(told)
    found = {}
    for name in ids:
        joules, why = None, reason
        if not why:
            joules, why = _of_job(known.get(name, {}))
        found[name] = CountedJoules(source=source, channels=channels, joules=joules, reason=why)
    return found


def _plugin() -> tuple[str, tuple[str, ...], str]:
    """Return what Slurm reads, which channels that holds, and why it is no check."""
    told, reason = _said(["scontrol", "show", "config"])
    if reason:
        return "slurm", (), reason
    match = TYPE.search(told)
    name = match[1] if match else "(null)"
    plugin = name.rpartition("/")[2]
    if plugin in {"(null)", "none"}:
        return "slurm", (), f"Slurm gathers no energy here (AcctGatherEnergyType is {name})"
    source = f"slurm:{name}"
    if plugin not in CONTENTS:
        return source, (), f"which joules {name} counts is not known"
    return source, CONTENTS[plugin], ""


def _said(command: Sequence[str]) -> tuple[str, str]:
    """Return what a program of Slurm prints, and why it does not; empty if it does."""
    name = command[0]
    try:
        done = subprocess.run(  # noqa: S603  Slurm's own program
            command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        return "", f"{name} is not on the PATH"
    except subprocess.TimeoutExpired:
        return "", f"{name} did not answer within {TIMEOUT_S} s"
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return "", f"{name}: {said[-1]}"
    return done.stdout, ""


def _by_job(told: str) -> dict[str, dict[str, list[str]]]:
    """Return state and joules of each record of a job: itself (an empty name) and its steps."""
    known: dict[str, dict[str, list[str]]] = {}
    for line in told.splitlines():
        name, *values = line.strip().split("|")
        if len(values) == 2:  # noqa: PLR2004  of three columns
            job, _, step = name.partition(".")
            known.setdefault(job, {})[step] = values
    return known


def _of_job(records: Mapping[str, Sequence[str]]) -> tuple[float | None, str]:
    """Return the joules of a job, or why they are unknown."""
    if not records:
        return None, "sacct does not know the job"
    state = records.get("", [""])[0]
    if state.startswith(ON_ITS_WAY):
        return None, f"the job has not ended ({state}); `greenbench fetch` asks again"
    joules = []
    for step, (_, text) in records.items():
        is_number = text.isascii() and text.isdigit()
        if step and is_number and 0 < int(text) < UNKNOWN_FROM:
            joules.append(float(text))
    if not joules:
        return None, "Slurm counted no joules of its steps (ConsumedEnergyRaw is empty or 0)"
    return max(joules), ""
