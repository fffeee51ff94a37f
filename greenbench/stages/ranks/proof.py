"""The proof of how many processes trained."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from greenbench.types import Applied

if TYPE_CHECKING:
    from greenbench.stages.training_log import TrainingLog


def processes_proof(log: TrainingLog | None, asked: int | None) -> Applied:
    """Return the proof of ``system.processes``; ``log`` is None if nothing was trained.

    A process counts if it took examples through training, as its own report says.
    """
    examples = {} if log is None else _examples_by_process(log)
    count = sum(1 for number in examples.values() if number)
    note = "" if asked in {None, count} else f"requested {asked} processes, {count} trained"
    return Applied(
        stage="system",
        knob="processes",
        asked=asked,
        got=count or None,
        how="processes that took examples through training",
        note=note,
        before=None if asked is None else 1,
        evidence=_evidence(log, examples),
    )


def _examples_by_process(log: TrainingLog) -> dict[int, int]:
    """Return the examples of each process by its pid."""
    examples = {other.pid: other.examples for other in log.others}
    return {os.getpid(): log.examples - sum(examples.values()), **examples}


def _evidence(log: TrainingLog | None, examples: dict[int, int]) -> dict[str, object]:
    if log is None or not log.others:
        return {}
    return {
        "pids": list(examples),
        "examples": list(examples.values()),
        "cpu_seconds_of_others": [other.cpu_seconds for other in log.others],
    }
