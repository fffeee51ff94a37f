"""Whether a round's scores can be relied on: numbers, and above what needs no model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.tasks import Task
    from greenbench.testing.task_report import TaskFaults
    from greenbench.types import Judged


def check_scores(task: Task, judged: Judged, findings: TaskFaults) -> None:
    """Find scores that are no numbers, that nobody declared, or that need no model."""
    for name, metric in judged.quality.items():
        if name not in task.scores:
            findings.problems.append(
                f"{task.name}: judging gave a score {name}, which the task does not declare; its "
                f"scores are: {', '.join(task.scores)}"
            )
        if metric.value is not None and not math.isfinite(metric.value):
            findings.problems.append(
                f"{task.name}: the score {name} is {metric.value}, which nothing can be compared "
                "with; give a finite number, or leave the score out"
            )
    primary = _given(task, judged)
    if primary is None:
        declared = " or ".join(task.primary)
        findings.problems.append(
            f"{task.name}: V0 got no {declared}, its primary score{_reason(task, judged)}; have "
            "judging give it"
        )
        return
    if not findings.problems:
        _check_dummies(task, judged, primary, findings)
    for reason in judged.degenerate:
        findings.warnings.append(f"{task.name}: V0 predicts nothing (DEGENERATE): {reason}")


def _given(task: Task, judged: Judged) -> str | None:
    """Return the primary score that has a value."""
    for name in task.primary:
        metric = judged.quality.get(name)
        if metric is not None and metric.value is not None:
            return name
    return None


def _reason(task: Task, judged: Judged) -> str:
    for name in task.primary:
        metric = judged.quality.get(name)
        if metric is not None and metric.reason:
            return f" ({metric.reason})"
    return ""


def _check_dummies(task: Task, judged: Judged, primary: str, findings: TaskFaults) -> None:
    """Warn of dummy baselines that reach the score of V0."""
    value = judged.quality[primary].value
    sign = 1 if task.scores.get(primary, True) else -1
    for dummy, scores in judged.references.items():
        reached = scores.get(primary)
        if reached is None or value is None or sign * reached < sign * value:
            continue
        findings.warnings.append(
            f"{task.name}: the dummy baseline {dummy} reaches {primary} {reached:.3f}, and V0 "
            f"{value:.3f}: a model that learnt something is ahead; train longer, or take data "
            "or a score that tell them apart"
        )
