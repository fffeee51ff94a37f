"""The state of the machine around one measured round, and the doubts that follow from it."""

from greenbench.machine.processes import tree_cpu_seconds
from greenbench.machine.watch import Seen, Watch

__all__ = ["Seen", "Watch", "tree_cpu_seconds"]
