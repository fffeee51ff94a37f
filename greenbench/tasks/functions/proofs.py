"""The proofs of a suite's own knobs, read from what its functions have made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.options import differences
from greenbench.types import Applied

if TYPE_CHECKING:
    from greenbench.options import KnobValue, Options
    from greenbench.protocols import Opaque
    from greenbench.tasks.functions.functions import TaskFunctions

CLOSE = 1e-6
"""Relative difference of two numbers of which one is held in single precision."""
UNPROVED = "nothing reads it back"


def of(
    functions: TaskFunctions, options: Options, data: Opaque, model: Opaque
) -> tuple[Applied, ...]:
    """Return a proof of each knob that the suite declares, those without one as unproved.

    Raises UsageError for a proof that fails.
    """
    found = []
    for knob in functions.own.knobs:
        stage = getattr(options, knob.stage)
        unproved = Applied(
            stage=knob.stage,
            knob=knob.name,
            asked=getattr(stage, knob.name),
            got=None,
            how=UNPROVED,
            proved=False,
        )
        if knob.name in functions.own.proofs:
            made = data if knob.stage == "data" else model
            found.append(_read(unproved, functions, made))
        else:
            found.append(unproved)
    return tuple(found)


def unproved(functions: TaskFunctions, options: Options) -> list[str]:
    """Say which knobs that ``options`` turn have no proof."""
    turned = {change.knob for change in differences(options)}
    sentences = []
    for knob in functions.own.knobs:
        if knob.knob in turned and knob.name not in functions.own.proofs:
            sentences.append(f"{knob.knob} is unproved: {UNPROVED}")
    return sentences


def _read(unproved: Applied, functions: TaskFunctions, made: Opaque) -> Applied:
    """Return the proof that a suite's function reads from what was ``made``."""
    read = functions.own.proofs[unproved.knob]
    try:
        value = _plain(read(made))
    except Exception as error:
        knob = f"{unproved.stage}.{unproved.knob}"
        raise UsageError(
            f"{functions.where}: the proof of {knob} failed with {type(error).__name__}: {error}; "
            "mend it, or remove it and have the knob unproved"
        ) from error
    asked = unproved.asked
    note = "" if _equal(asked, value) else f"requested {asked}, and its proof reads {value}"
    return Applied(
        stage=unproved.stage,
        knob=unproved.knob,
        asked=asked,
        got=value,
        how=f"proof in {functions.where}",
        note=note,
    )


def _plain(value: Opaque) -> KnobValue:
    """Return what a proof read as a builtin: a number of NumPy as Python's."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, str | int | float | None):
        return value
    return str(value)


def _equal(asked: object, got: KnobValue) -> bool:
    """Whether two values are the same, numbers up to single precision."""
    if isinstance(asked, float) and isinstance(got, int | float):
        return math.isclose(asked, got, rel_tol=CLOSE)
    return asked == got
