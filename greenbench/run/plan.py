"""What a session would do and cost: loads no model, asks no network, runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.experiment.task_knobs import left_out
from greenbench.machine import launchers
from greenbench.report import plan
from greenbench.results import loading

if TYPE_CHECKING:
    from greenbench.results.forecast import ForecastKey
    from greenbench.run.session import Session


def forecast_keys(session: Session) -> dict[str, ForecastKey]:
    """Return, by task, which earlier results tell of the selected cells."""
    return {task: session.inputs(task).forecast_key for task in session.tasks}


def plan_lines(session: Session) -> list[str]:
    """Return the plan of the selected cells, line by line.

    Raises UsageError for wrong data, and where a launcher would make the run itself refuse.
    """
    if session.selected:
        launchers.check()
    runs, problems = loading.load_folder(session.settings.results)
    plans = []
    for task in session.tasks:
        inputs = session.inputs(task)
        cells = tuple(cell for cell in session.selected if cell.task == task)
        plans.append(
            plan.TaskPlan(
                task=task,
                size=inputs.size,
                data=inputs.dataset,
                model=inputs.start,
                cells=cells,
            )
        )
    lines = plan.lines(plans, runs, forecast_keys(session))
    for task in session.tasks:
        lines += left_out(session.matrix.definitions[task], session.matrix.variants)
    return [f"greenbench: profile {session.profile.name}", *lines, *problems]
