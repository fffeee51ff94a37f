"""Joules of a stretch of code: from hardware counters through Zeus, or estimated for the CPU.

``open_meter`` is the entry point. Nothing here sets a limit or a clock, and what was not measured
is None with a reason, never 0.
"""

from greenbench.machine.energy.doctor import Finding, examine
from greenbench.machine.energy.estimate import watts_per_core
from greenbench.machine.energy.meter import Meter, open_meter

__all__ = ["Finding", "Meter", "examine", "open_meter", "watts_per_core"]
