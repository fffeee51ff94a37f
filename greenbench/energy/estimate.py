"""CPU joules without a counter: CPU seconds of this process and its children, times the watts of a busy core.

An estimate, and labelled one: it knows no clock speed, no vector units, no idle watts and no neighbours. It is good for
comparing like with like on one machine, and never counts as measured.
"""

from __future__ import annotations

import re
import resource
import statistics
import time

import psutil

from greenbench.energy.readings import Reading
from greenbench.environment import cpu_model

WATTS: tuple[tuple[str, float], ...] = (
    (r"EPYC 7\w\w1\b", 2.60),  # Naples
    (r"EPYC 7(\w\w2|R32)\b", 1.69),  # Rome
    (r"EPYC 7\w\w3\b", 1.96),  # Milan
    (r"EPYC [89]\w\w4\b", 2.28),  # Genoa, Bergamo, Siena
    (r"Xeon.* E[357]-\d{4}\w? v3\b", 5.60),  # Haswell
    (r"Xeon.* E[357]-\d{4}\w? v4\b", 3.69),  # Broadwell
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d1\d\d", 4.10),  # Skylake
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d2\d\d", 4.06),  # Cascade Lake
    (r"Xeon.* (Platinum|Gold|Silver) \d3\d\d", 3.76),  # Ice Lake
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d4\d\d", 4.16),  # Sapphire Rapids
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d5\d\d", 4.48),  # Emerald Rapids
    (r"Xeon.* 6\d{3}P\b", 2.53),  # Granite Rapids
)
"""Watts of one fully busy logical core, by pattern of the CPU's name, first match wins.

Source: Cloud Carbon Footprint, ccf-coefficients, output/coefficients-aws-use.csv of 2026-03 ("Max Watts"), which
averages SPECpower_ssj2008 results per generation: wall power of whole servers, divided by their hardware threads. Its
value for the EPYC of the fifth generation (8.96 W, four times its predecessor's) is left out.
"""
DEFAULT_WATTS = statistics.median(watts for _, watts in WATTS)
"""For unknown CPUs: the median over the known ones, as Cloud Carbon Footprint does it."""


def watts_per_core(model: str, given: float | None = None) -> tuple[float, str]:
    """Return the watts of one busy logical core of the CPU called ``model``, and the label that names them.

    ``given`` overrides the table. Labels: ``1.96W/core``, ``3.76W/core(default)``, ``5W/core(given)``.
    """
    if given is not None:
        return given, f"{given:g}W/core(given)"
    plain = re.sub(r"\((R|TM)\)|CPU", "", model)
    watts = next((watts for pattern, watts in WATTS if re.search(pattern, plain, re.IGNORECASE)), None)
    return (DEFAULT_WATTS, f"{DEFAULT_WATTS:.2f}W/core(default)") if watts is None else (watts, f"{watts:.2f}W/core")


class CpuEstimate:
    """Estimates the CPU channel of any number of open windows. Starts nothing, so there is nothing to close."""

    def __init__(self, given_watts: float | None = None) -> None:
        """Look up the watts per busy core, unless they are given."""
        self._watts, label = watts_per_core(cpu_model(), given_watts)
        self._started: dict[str, float] = {}
        self.source = f"estimated:cpu-seconds*{label}"

    def begin(self, key: str) -> None:
        """Open window ``key``."""
        others = _others_seconds()  # first, so that looking at the children is not part of the window
        self._started[key] = time.process_time() + others

    def end(self, key: str) -> Reading:
        """Close window ``key`` and return its joules."""
        own = time.process_time()
        return estimated(own + _others_seconds() - self._started.pop(key), self._watts)

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        self._started.pop(key, None)


def estimated(cpu_seconds: float, watts: float) -> Reading:
    """Return CPU seconds times watts; None where the seconds fell: a child's went with it, so they are not known."""
    if cpu_seconds < 0:
        return Reading(reason="the CPU seconds of a child process were lost: it ended and nobody waited for it")
    return Reading(joules=cpu_seconds * watts)


def _others_seconds() -> float:
    """Return the CPU seconds of all descendants so far: those that ended and were waited for, and those that live.

    A child that is waited for moves from the second sum into the first, so that differences hold across its end. Lost
    are orphans: a grandchild that outlives its parent leaves the tree, and what it used with it.
    """
    while True:
        ended = _ended_seconds()
        living = sum(_seconds(child) for child in psutil.Process().children(recursive=True))
        if _ended_seconds() == ended:  # else a child was waited for meanwhile and might be in both sums, or in none
            return ended + living


def _ended_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _seconds(child: psutil.Process) -> float:
    try:
        times = child.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system
