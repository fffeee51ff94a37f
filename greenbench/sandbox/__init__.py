"""Run untrusted programs under limits, and leave neither a process nor a file behind.

Made for code that a model wrote: mostly wrong, seldom hostile. ``run`` runs one program, and its
docstring says what is covered and what is not; ``Workers`` runs many with the same result. The
tools are util-linux's (``unshare``, ``setpriv``, ``prlimit``), so Linux only.
"""

from greenbench.sandbox.records import LIMITS, End, Isolation, Limits, Ran
from greenbench.sandbox.runner import run
from greenbench.sandbox.workers import Workers

__all__ = ["LIMITS", "End", "Isolation", "Limits", "Ran", "Workers", "run"]
