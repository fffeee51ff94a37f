"""Whether the knobs that a task declares do what is asked, by their own proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.experiment.knobs import with_knob
from greenbench.knobs.kinds import type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.knobs.kinds import KnobType
    from greenbench.options import KnobValue, Options, OwnKnob
    from greenbench.tasks import Task
    from greenbench.testing.task_report import TaskFaults
    from greenbench.types import Round


def settings_of(task: Task, baseline: Options) -> Iterator[tuple[OwnKnob, Options]]:
    """Yield each knob of the task's own with options in which it alone differs from V0.

    A text that is not one of a few choices has no value that could be guessed: it is left out.
    """
    for own in task.own_knobs:
        value = another_value(type_of(own.hint), own.default)
        if value is not None:
            yield own, with_knob(baseline, own.knob, value)


def another_value(taken: KnobType, default: KnobValue) -> KnobValue:
    """Return a value near the default that the knob takes too; None if none can be guessed."""
    for value in _candidates(taken, default):
        try:
            converted = taken.convert(value)
        except ValueError:
            continue
        if converted not in {default, None}:
            return converted
    return None


def _candidates(taken: KnobType, default: KnobValue) -> list[KnobValue]:
    if taken.kind is bool:
        return [not default]
    if taken.kind is str:
        return list(taken.choices)
    if not isinstance(default, int | float):
        return [1, 0.5, 0, -1]
    if taken.kind is int:
        return [int(default) // 2, int(default) * 2, int(default) + 1, int(default) - 1]
    return [default / 2, default * 2, default + 1, default - 1]


def check_proofs(task: Task, one_round: Round, findings: TaskFaults) -> None:
    """Find proofs of the task's own knobs that read something else than what was asked."""
    own = {knob.knob for knob in task.own_knobs}
    for proof in one_round.applied:
        knob = f"{proof.stage}.{proof.knob}"
        if knob not in own:
            continue
        if proof.note:
            findings.problems.append(
                f"{task.name}: {knob} was asked to be {proof.asked}, and its proof reads "
                f"{proof.got}; have the code read the option, or mend the proof"
            )


def check_proved(task: Task, findings: TaskFaults) -> None:
    """Warn of knobs that nothing reads back."""
    for own in task.own_knobs:
        if not own.proved:
            findings.warnings.append(
                f"{task.name}: {own.knob} is unproved: nothing reads it back; write "
                f'@greenbench.proof("{own.name}") above a function that returns its value from '
                "the model"
            )
