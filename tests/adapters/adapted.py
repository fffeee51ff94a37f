"""One round of a task that an adapter has made, as a session runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.experiment.knobs import with_knob
from greenbench.options import extended
from greenbench.tasks.functions import judging, splits
from greenbench.tasks.functions.functions import task_functions
from greenbench.tasks.functions.stages import FunctionStages

if TYPE_CHECKING:
    from greenbench.tasks.functions.functions import WantedRows
    from greenbench.types import Applied, Judged


def one_round(
    task: object, sizes: WantedRows, knob: str, value: Any
) -> tuple[Judged, tuple[Applied, ...]]:
    """Train and ask the task with one knob set; return its scores and the proofs of its knobs."""
    functions = task_functions(task, "tasks/T3.py")
    options = with_knob(extended(functions.own.knobs), knob, value)
    loaded = splits.load(functions, 0, sizes)
    stages = FunctionStages(options, functions, sizes)
    stages.reset(1)
    with stages.quiet():
        data = stages.data(loaded.train, loaded.test, None, 1, valid=loaded.valid)
        predictions = stages.inference(stages.training(None, data), data)
    baselines = judging.baselines(functions, loaded)
    return judging.judge(functions, loaded, predictions, baselines), stages.applied()
