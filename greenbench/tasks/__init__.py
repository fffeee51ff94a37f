"""The tasks: a data set, a kind of model and a score each.

Those that come with greenbench are ``BUILT_IN``; a suite has its own in files beside its
``experiment.md``, or from packages (``experiment.task_definitions`` finds them).
"""

from __future__ import annotations

from types import MappingProxyType

from greenbench.tasks.task import CONTRACT, Task, TaskOf
from greenbench.tasks.translation.task import TRANSLATION
from greenbench.tasks.vulnerability.task import VULNERABILITY

BUILT_IN: MappingProxyType[str, Task] = MappingProxyType(
    {task.name: task for task in (TRANSLATION, VULNERABILITY)}
)
"""The tasks of greenbench's own study, by name."""

__all__ = ["BUILT_IN", "CONTRACT", "TRANSLATION", "VULNERABILITY", "Task", "TaskOf"]
