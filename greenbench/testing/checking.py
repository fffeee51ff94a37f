"""Looks at a task as a session would use it, and says all that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from greenbench import extras
from greenbench.errors import Disagreements, UnavailableError, UsageError
from greenbench.experiment import task_definitions
from greenbench.tasks import TaskOf, contract
from greenbench.tasks.functions.task import function_task
from greenbench.testing import knob_checks, score_checks, split_checks
from greenbench.testing.split_checks import SplitDigests
from greenbench.testing.task_report import TaskFaults, TaskReport
from greenbench.testing.trial import Trial

if TYPE_CHECKING:
    from greenbench.options import Options
    from greenbench.tasks import Task
    from greenbench.tasks.dataset import TaskDataset


def check_task(task: Task | str | Path | object, *, profile: str = "tiny") -> TaskReport:
    """Load a task twice, run V0 and each of the task's own knobs, and return what is wrong.

    ``task`` is a Task, the path of ``tasks/NAME.yaml`` or ``tasks/NAME.py``, or an object with the
    functions of such a file. A round is a real one of ``profile``; joules are not measured. Raises
    UnavailableError if this environment lacks a package, the network or a device that the task
    needs, as nothing is known of the task then.
    """
    name = _name(task)
    findings = TaskFaults(name, [], [])
    try:
        definition = _definition(task, name)
    except UsageError as error:
        findings.problems += _sentences(error)
        return findings.report()
    findings.problems += contract.problems(definition)
    if not findings.problems:
        if definition.extra:
            extras.require(definition.extra, f"task {name}")
        _try_out(definition, profile, findings)
    return findings.report()


def _name(task: object) -> str:
    if isinstance(task, TaskOf):
        return task.name
    if isinstance(task, str | Path):
        return Path(task).stem
    named = getattr(task, "__name__", type(task).__name__)
    return str(named).rpartition(".")[2]


def _definition(task: object, name: str) -> Task:
    """Return the definition; raises UsageError if it is none."""
    if isinstance(task, TaskOf):
        return task
    if isinstance(task, str | Path):
        return _from_file(Path(task))
    return function_task(name, task, name)


def _from_file(path: Path) -> Task:
    """Return the task of a file; raises UsageError for one that is none."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; give tasks/NAME.yaml or tasks/NAME.py")
    path = path.resolve()
    if path.suffix == ".yaml":
        return task_definitions.from_yaml(path, path.stem, path.parent.parent)
    return task_definitions.from_file(path)


def _try_out(task: Task, profile: str, findings: TaskFaults) -> None:
    """Load and run the task; what it raises ends the look, and is a problem."""
    trial: Trial | None = None
    try:
        trial = Trial(task, profile)
        _look(trial, findings)
    except UnavailableError:
        raise
    except UsageError as error:
        findings.problems += _sentences(error)
    except Exception as error:  # noqa: BLE001  whatever the task's own code raises
        step = trial.step.name if trial is not None else "load"
        findings.problems.append(f"{task.name}: {step} raised {type(error).__name__}: {error}")


def _look(trial: Trial, findings: TaskFaults) -> None:
    task = trial.task
    dataset = trial.dataset()
    digests = SplitDigests.of(dataset.splits)
    split_checks.check_seed(trial, digests, findings)
    split_checks.check_leaks(dataset.splits, digests, findings)
    _run(trial, trial.baseline, dataset, findings)
    split_checks.check_untouched(digests, dataset.splits, findings)
    knob_checks.check_proved(task, findings)
    for _own, options in knob_checks.settings_of(task, trial.baseline):
        _run(trial, options, dataset, findings)


def _run(trial: Trial, options: Options, dataset: TaskDataset, findings: TaskFaults) -> None:
    """Run a round, and look at its scores, if it is V0's, and at its proofs."""
    one_round = trial.round(options, dataset)
    knob_checks.check_proofs(trial.task, one_round, findings)
    if options == trial.baseline:
        score_checks.check_scores(trial.task, one_round.judged, findings)


def _sentences(error: UsageError) -> tuple[str, ...]:
    return error.problems if isinstance(error, Disagreements) else (str(error),)
