"""The variants that a session makes up: combinations of stages, and single knobs."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment.factorial import Factorial, factorial
from greenbench.experiment.knob_trials import trial_variants
from greenbench.experiment.task_knobs import foreign_knob_problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.experiment.matrix import Experiment
    from greenbench.experiment.settings import Settings
    from greenbench.types import Cell


def made_up(
    experiment: Experiment, settings: Settings
) -> tuple[Experiment, Factorial | None, Callable[[Cell], bool]]:
    """Return the matrix with variants that no folder has, combinations, and which cells may run.

    Raises UsageError for options that make no experiment.
    """
    _check_fresh(settings)
    joined, combinations = _combined(experiment, settings)
    joined, names = _with_trials(joined, combinations, settings)
    _refuse_foreign(experiment, joined)
    return joined, combinations, functools.partial(_takes_part, names)


def _refuse_foreign(experiment: Experiment, joined: Experiment) -> None:
    """Raise Disagreements for made-up variants whose knobs a task has in part, or none has."""
    known = {variant.name for variant in experiment.variants}
    made = [variant for variant in joined.variants if variant.name not in known]
    problems = foreign_knob_problems(made, list(experiment.definitions.values()))
    if problems:
        raise Disagreements(problems)


def shares_stages(settings: Settings) -> bool:
    """Whether the cells may be ones with equal stages, since the session makes up variants."""
    return settings.factorial is not None or bool(settings.knob)


def _check_fresh(settings: Settings) -> None:
    """Raise UsageError for ``--green-fresh`` where it has nothing to do."""
    if settings.fresh and not shares_stages(settings):
        raise UsageError(
            "--green-fresh: without --green-factorial or --green-knob every stage runs anyway, "
            "unless --green-reuse is given; leave it out"
        )
    if settings.fresh and settings.reuse:
        raise UsageError("--green-fresh and --green-reuse contradict each other; leave out one")


def _combined(experiment: Experiment, settings: Settings) -> tuple[Experiment, Factorial | None]:
    """Return the matrix with the combinations that no folder has, and what these are.

    Raises UsageError for a choice of stages that makes no experiment.
    """
    choice = settings.factorial
    if choice is None:
        return experiment, None
    combinations = factorial(choice, experiment.variants)
    joined = combinations.joined(experiment.variants)
    return replace(experiment, variants=joined), combinations


def _with_trials(
    experiment: Experiment, combinations: Factorial | None, settings: Settings
) -> tuple[Experiment, frozenset[str] | None]:
    """Return the matrix with the variants of ``--green-knob``, and the names of what may run.

    None if all may. Raises UsageError for knobs that cannot be set so.
    """
    if not settings.knob:
        return experiment, None if combinations is None else combinations.names
    if combinations is not None:
        raise UsageError("--green-knob and --green-factorial make up variants; leave out one")
    variants = trial_variants(settings.knob, experiment.variants)
    known = {variant.name for variant in experiment.variants}
    made = [variant for variant in variants if variant.name not in known]
    joined = replace(experiment, variants=(*experiment.variants, *made))
    return joined, frozenset(variant.name for variant in variants)


def _takes_part(names: frozenset[str] | None, cell: Cell) -> bool:
    """Whether ``cell`` may run: if the session makes up variants, these alone and V0."""
    return names is None or cell.variant in names
