"""Joules of a stretch of code: counters through Zeus where there are any, an estimate for the CPU where there is none.

``open_meter`` is the door. Nothing here sets a limit or a clock, and nothing that was not measured is ever 0.
"""

from greenbench.machine.energy.doctor import Finding, examine
from greenbench.machine.energy.estimate import watts_per_core
from greenbench.machine.energy.meter import Meter, open_meter

__all__ = ["Finding", "Meter", "examine", "open_meter", "watts_per_core"]
