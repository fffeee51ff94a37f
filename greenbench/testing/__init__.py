"""Tests for what a suite brings of its own: its task, its sensors, its gates.

Nothing here measures joules of hardware, and torch is imported only by a task that needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.tasks.task import CONTRACT as CONTRACT
    from greenbench.testing.checking import check_task as check_task
    from greenbench.testing.meter import PlantedMeter as PlantedMeter
    from greenbench.testing.stages import StubStages as StubStages
    from greenbench.testing.stages import StubSystem as StubSystem
    from greenbench.testing.suites import SuiteRun as SuiteRun
    from greenbench.testing.suites import run_suite as run_suite
    from greenbench.testing.task_report import TaskReport as TaskReport

PUBLIC = {
    "CONTRACT": "greenbench.tasks.task",
    "PlantedMeter": "greenbench.testing.meter",
    "StubStages": "greenbench.testing.stages",
    "StubSystem": "greenbench.testing.stages",
    "SuiteRun": "greenbench.testing.suites",
    "TaskReport": "greenbench.testing.task_report",
    "check_task": "greenbench.testing.checking",
    "run_suite": "greenbench.testing.suites",
}
"""By public name: the module that has it."""


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'greenbench.testing' has no attribute {name!r}")
    module = importlib.import_module(PUBLIC[name])
    return getattr(module, name)
