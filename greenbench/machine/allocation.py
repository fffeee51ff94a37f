"""The allocation that a session runs in, where ``greenbench submit`` gave it a part of a run.

A job tells its session by an environment variable; a session that a person starts has none.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

VARIABLE = "GREENBENCH_ALLOCATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Which part of which run a session measures, and where."""

    run: str
    """The id of the run: sessions of one run are blocks of one comparison."""
    job: str
    """The name of the job within the run."""
    place: str
    """What was allocated: ``slurm 4711 on node7``. Ratios are taken within one alone."""
    host: str = ""
    """The machine as the engine calls it; empty if its own name says it."""
    shared: str = ""
    """Why the machine is not this job's alone; empty if it is."""

    def variable(self) -> dict[str, str]:
        """Return the environment variable that tells a session of it."""
        return {VARIABLE: json.dumps(asdict(self))}


def recorded() -> dict[str, str] | None:
    """Return the allocation of this process as results files state it; None without one."""
    text = os.environ.get(VARIABLE)
    return asdict(Allocation(**json.loads(text))) if text else None


def why_shared() -> str:
    """Say why joules of CPUs and memory would be those of others too; empty if they are ours."""
    allocation = recorded()
    return allocation["shared"] if allocation else ""
