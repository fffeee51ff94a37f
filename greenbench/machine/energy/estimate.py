"""CPU joules without a counter: CPU seconds of the process tree times the watts of a busy core.

An estimate, and labelled as one: it ignores clock speed, vector units, idle power and other
processes. It is good for comparing like with like on one machine, and never counts as measured.
"""

from __future__ import annotations

import math
import re
import statistics
import time
from dataclasses import dataclass, replace

from greenbench.machine.cpu_state import busy_seconds
from greenbench.machine.energy.readings import Reading
from greenbench.machine.environment import cpu_model
from greenbench.machine.processes import adopts_orphans, descendants_cpu_seconds, forgetful

WATTS: tuple[tuple[str, float], ...] = (
    (r"EPYC 7\w\w1[A-Z]{0,2}\b", 2.60),  # Naples
    (r"EPYC 7(\w\w2|R32)[A-Z]{0,2}\b", 1.69),  # Rome
    (r"EPYC 7\w\w3[A-Z]{0,2}\b", 1.96),  # Milan
    (r"EPYC [89]\w\w4[A-Z]{0,2}\b", 2.28),  # Genoa, Bergamo, Siena
    (r"Xeon.* E[357]-\d{4}\w? v3\b", 5.60),  # Haswell
    (r"Xeon.* E[357]-\d{4}\w? v4\b", 3.69),  # Broadwell
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d1\d\d", 4.10),  # Skylake
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d2\d\d", 4.06),  # Cascade Lake
    (r"Xeon.* (Platinum|Gold|Silver) \d3\d\d", 3.76),  # Ice Lake
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d4\d\d", 4.16),  # Sapphire Rapids
    (r"Xeon.* (Platinum|Gold|Silver|Bronze) \d5\d\d", 4.48),  # Emerald Rapids
    (r"Xeon.* 6\d{3}P\b", 2.53),  # Granite Rapids
)
"""Watts of one fully busy logical core, by pattern of the CPU's name; the first match wins.

Source: Cloud Carbon Footprint, ccf-coefficients, output/coefficients-aws-use.csv of 2026-03 ("Max
Watts"), which averages SPECpower_ssj2008 results per generation: wall power of whole servers,
divided by their hardware threads. Its value for the EPYC of the fifth generation (8.96 W, four
times its predecessor's) is left out.
"""
DEFAULT_WATTS = statistics.median(watts for _, watts in WATTS)
"""For unknown CPUs: the median over the known ones, as Cloud Carbon Footprint does it."""


LOAD = 0.20
"""Relative standard uncertainty that remains if a person gives the watts.

Clocks and kinds of work differ.
"""
GENERATION = 0.22
"""Relative standard uncertainty of a generation's average.

It hides the generation's models, their cooling, and whole servers' power beside a socket's.
"""
LEAST_LOST = 0.01
"""Share of the joules below which those that may be lost are not worth a warning."""
UNKNOWN = statistics.pstdev(watts for _, watts in WATTS) / DEFAULT_WATTS
"""Relative standard uncertainty for a CPU of unknown generation: how they differ (0.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreWatts:
    """Watts of one busy logical core, the label that names them, and their relative uncertainty.

    The standard uncertainty is a judgement and no measurement (type B, JCGM 100:2008, 4.3). It is
    common to all of a machine's windows, so that it does not disturb a ratio between two of them.
    """

    watts: float
    label: str
    relative: float


def watts_per_core(model: str, given: float | None = None) -> CoreWatts:
    """Return the watts of a busy logical core of the CPU ``model``; ``given`` overrides the table.

    Labels: ``1.96W/core``, ``3.76W/core(default)``, ``5W/core(given)``.
    """
    if given is not None:
        return CoreWatts(watts=given, label=f"{given:g}W/core(given)", relative=LOAD)
    plain_model = re.sub(r"\((R|TM)\)|CPU", "", model)
    for pattern, watts in WATTS:
        if re.search(pattern, plain_model, re.IGNORECASE):
            relative = math.hypot(LOAD, GENERATION)
            return CoreWatts(watts=watts, label=f"{watts:.2f}W/core", relative=relative)
    label = f"{DEFAULT_WATTS:.2f}W/core(default)"
    relative = math.hypot(LOAD, GENERATION, UNKNOWN)
    return CoreWatts(watts=DEFAULT_WATTS, label=label, relative=relative)


@dataclass(frozen=True, slots=True)
class _Start:
    own_s: float
    """CPU seconds of the process tree."""
    busy_s: float | None
    """CPU seconds of all processes of the machine."""


class CpuEstimate:
    """Estimates the CPU channel of any number of open windows.

    It starts nothing, so that there is nothing to close.
    """

    def __init__(self, given_watts: float | None = None) -> None:
        """Look up the watts of a busy core, unless they are given."""
        self.core = watts_per_core(cpu_model(), given_watts)
        self.source = f"estimated:cpu-seconds*{self.core.label}"
        self._started: dict[str, _Start] = {}

    def begin(self, key: str) -> None:
        """Open window ``key``."""
        # The descendants first: looking at them is not part of the window.
        busy = busy_seconds()
        descendants = descendants_cpu_seconds()
        self._started[key] = _Start(time.process_time() + descendants, busy)

    def end(self, key: str) -> Reading:
        """Close window ``key`` and return its joules."""
        own = time.process_time()
        start = self._started.pop(key)
        cpu_seconds = own + descendants_cpu_seconds() - start.own_s
        reading = estimated(cpu_seconds, self.core)
        cause = _losing_cause()
        if not cause:
            return reading
        busy = busy_seconds()
        if busy is None or start.busy_s is None:
            return Reading(reason=f"{cause}, and this system does not show how many there may be")
        return with_lost(reading, max(0.0, busy - start.busy_s - cpu_seconds), cause, self.core)

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        self._started.pop(key, None)


def estimated(cpu_seconds: float, core: CoreWatts) -> Reading:
    """Return CPU seconds times watts; None if they fell: an ended child took its own away."""
    if cpu_seconds < 0:
        cause = "it ended and nobody waited for it"
        return Reading(reason=f"the CPU seconds of a child process were lost: {cause}")
    joules = cpu_seconds * core.watts
    return Reading(joules=joules, uncertainty={"model": core.relative * joules})


def with_lost(reading: Reading, others_s: float, cause: str, core: CoreWatts) -> Reading:
    """Return ``reading`` with what it may lack: all CPU seconds that others seem to have used.

    Any part of them may be our own (a rectangular distribution, JCGM 100:2008, 4.3.7).
    """
    lost_j = others_s * core.watts
    if reading.joules is None or lost_j <= LEAST_LOST * reading.joules:
        return reading
    most = f"{others_s:.1f} CPU seconds of other processes may be ours ({lost_j:.1f} J)"
    return replace(
        reading,
        uncertainty={**reading.uncertainty, "lost": lost_j / math.sqrt(3)},
        doubts=(*reading.doubts, f"{cause}: {most}; the +- holds them"),
    )


def _losing_cause() -> str:
    """Return why CPU seconds of ended descendants may be lost; an empty text if none are."""
    pids = forgetful()
    if pids:
        names = ", ".join(map(str, pids))
        return f"process {names} ignores SIGCHLD, so the CPU seconds of its ended children are lost"
    if not adopts_orphans():
        return "this system gives orphans to process 1, so the CPU seconds of ours are lost"
    return ""
