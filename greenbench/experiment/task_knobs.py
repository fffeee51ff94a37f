"""Which knobs each task has, and so which variants make cells of it.

A variant makes a cell of a task that has all of its knobs. One of whose knobs a task has none makes
no cell of that task, as it would be V0 again. One of whose knobs it has some is refused: under the
variant's name something else would run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.experiment.knobs import changes
from greenbench.options import STAGES, knobs, own_knobs, restricted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.options import Options, OwnKnob
    from greenbench.tasks import Task
    from greenbench.types import Variant


def lacking(variant: Variant, task: Task) -> dict[str, str]:
    """Return the knobs that ``variant`` turns and ``task`` lacks, with what would work."""
    return _split(variant, task)[1]


def _split(variant: Variant, task: Task) -> tuple[list[str], dict[str, str]]:
    """Return the knobs of ``variant`` that ``task`` has, and those it lacks, with the reason."""
    everybodys = own_knobs(variant.options)
    others = {knob.knob for knob in everybodys}
    own = {knob.knob for knob in task.own_knobs}
    others -= own
    has, lacks = [], {}
    for change in changes(variant):
        reason = task.lacks(change.knob)
        if change.knob in others:
            reason = reason or f"it is a knob of another task's; {task.name} declares no such one"
        if reason:
            lacks[change.knob] = reason
        else:
            has.append(change.knob)
    return has, lacks


def absent_knobs(tasks: Sequence[Task], baseline: Options) -> frozenset[str]:
    """Return the knobs of ``baseline`` that none of the ``tasks`` has; none if there are no tasks.

    A suite of functions, for example, has none of those that act on torch.
    """
    absent = set()
    for stage in STAGES:
        for name in knobs(stage, baseline):
            knob = f"{stage}.{name}"
            if tasks and all(task.lacks(knob) for task in tasks):
                absent.add(knob)
    return frozenset(absent)


def variants_of(task: Task, variants: Iterable[Variant]) -> list[Variant]:
    """Return the variants that make cells of ``task``, without knobs that other tasks declare."""
    found = []
    for variant in variants:
        if not lacking(variant, task):
            options = restricted(variant.options, task.own_knobs)
            found.append(replace(variant, options=options))
    return found


def left_out(task: Task, variants: Iterable[Variant]) -> list[str]:
    """Return a sentence for each variant that makes no cell of ``task``."""
    sentences = []
    for variant in variants:
        knobs = lacking(variant, task)
        if knobs:
            names = ", ".join(knobs)
            sentences.append(f"{variant.name} makes no cell of {task.name}, which has no {names}")
    return sentences


def foreign_knob_problems(variants: Iterable[Variant], tasks: Sequence[Task]) -> list[str]:
    """Return a sentence for each variant that a task could run in part, or that none could run."""
    problems = []
    for variant in variants:
        problems += problems_of(variant, tasks)
    return problems


def problems_of(variant: Variant, tasks: Sequence[Task]) -> list[str]:
    """Say which knobs keep ``variant`` from running on one of the ``tasks``, or on any."""
    problems = []
    runs = False
    for task in tasks:
        has, lacks = _split(variant, task)
        runs = runs or not lacks
        if has and lacks:
            problems.append(_partly(variant, task, has, lacks))
    if tasks and not runs and not problems:
        knob, reason = next(iter(lacking(variant, tasks[0]).items()))
        none = f"{variant.name} sets {knob}, which no task has; {tasks[0].name}: {reason}"
        problems.append(f"{none}; set a knob that a task has, or remove the variant")
    return problems


def _partly(variant: Variant, task: Task, has: Sequence[str], lacks: Mapping[str, str]) -> str:
    knob, reason = next(iter(lacks.items()))
    sets = f"{variant.name} sets {', '.join(has)} and {', '.join(lacks)}"
    return (
        f"{sets}, and {task.name} has no {knob}: {reason}; divide it into a variant for each kind "
        "of task"
    )


def same_knob_problems(tasks: Iterable[Task]) -> list[str]:
    """Say which knobs two tasks declare differently: V0 has one value of each."""
    first: dict[str, tuple[str, OwnKnob]] = {}
    problems = []
    for task in tasks:
        for knob in task.own_knobs:
            other, known = first.setdefault(knob.knob, (task.name, knob))
            if (known.hint, known.default) != (knob.hint, knob.default):
                differ = f"{other} and {task.name} declare {knob.knob} differently"
                problems.append(
                    f"{differ}, {known.default!r} and {knob.default!r}; V0 has one value of it: "
                    "give them one type and default, or two names"
                )
    return problems
