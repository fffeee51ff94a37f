"""The functions that a suite writes for a task of its own, and what they declare.

They are attributes of any object: of a file ``tasks/T3.py``, of a module, or of an instance that an
adapter has made. What is missing is refused with the function to write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from greenbench.errors import UsageError
from greenbench.knobs.own import PROVES, own_options

if TYPE_CHECKING:
    from greenbench.knobs.own import OwnOptions, Proof
    from greenbench.protocols import Opaque

Function: TypeAlias = "Callable[..., Opaque]"
"""A function of the suite's: what it takes and gives is its own."""

WHOLE = "TASK"
"""Attribute of a file that holds an object with all functions, in place of its own."""
REQUIRED: Mapping[str, tuple[str, str]] = {
    "load": ("seed, sizes", "returns train, valid and test"),
    "train": ("options, data, seed", "returns the model"),
    "predict": ("model, rows, options", "returns one prediction a row"),
    "score": ("rows, predictions", "returns each score by its name"),
}
"""By function: its parameters, and what it does."""
OPTIONAL: Mapping[str, str] = {"prepare": "options, data, seed", "baselines": "data"}
"""By function: its parameters."""


class WantedRows(NamedTuple):
    """How many rows ``load`` is to give at most; None is as many as there are."""

    train: int | None = None
    valid: int | None = None
    test: int | None = None


class FunctionData(NamedTuple):
    """The three splits, in a form of the suite's own."""

    train: Opaque
    valid: Opaque
    test: Opaque


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFunctions:
    """What a suite brings for one task."""

    where: str
    """How sentences call the place that it stands in."""
    load: Function
    train: Function
    predict: Function
    score: Function
    prepare: Function | None
    baselines: Function | None
    primary: str
    """The score that counts."""
    directions: Mapping[str, bool]
    """Score to whether more of it is better."""
    own: OwnOptions


def task_functions(source: object, where: str) -> TaskFunctions:
    """Return the functions of ``source``; raises UsageError, which begins with ``where``."""
    source = getattr(source, WHOLE, source)
    found: dict[str, Function] = {}
    for name, (parameters, meaning) in REQUIRED.items():
        found[name] = _required(source, name, f"{name}({parameters})", meaning, where)
    for name in OPTIONAL:
        function = getattr(source, name, None)
        if function is not None:
            found[name] = _callable(function, name, where)
    for name, function in found.items():
        if name in OPTIONAL:
            parameters = OPTIONAL[name]
        else:
            parameters, _ = REQUIRED[name]
        _check_parameters(function, name, parameters, where)
    primary = _primary(source, where)
    return TaskFunctions(
        where=where,
        load=found["load"],
        train=found["train"],
        predict=found["predict"],
        score=found["score"],
        prepare=found.get("prepare"),
        baselines=found.get("baselines"),
        primary=primary,
        directions=_directions(source, primary, where),
        own=own_options(getattr(source, "Options", None), _proofs(source), where),
    )


def _required(source: object, name: str, form: str, meaning: str, where: str) -> Function:
    function = getattr(source, name, None)
    if function is None:
        raise UsageError(f"{where} has no function {name}; write {form}, which {meaning}")
    return _callable(function, name, where)


def _callable(function: object, name: str, where: str) -> Function:
    if not callable(function):
        kind = type(function).__name__
        raise UsageError(f"{where}: {name} is of type {kind}; it must be a function")
    return function


def _check_parameters(function: Function, name: str, parameters: str, where: str) -> None:
    """Raise UsageError for a function that cannot be called as it will be."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function written in C: its first call tells
        return
    given = parameters.split(", ")
    try:
        signature.bind(*given)
    except TypeError as error:
        raise UsageError(
            f"{where}: {name}{signature} cannot be called as {name}({parameters}): {error}; write "
            f"def {name}({parameters})"
        ) from error


def _primary(source: object, where: str) -> str:
    primary = getattr(source, "PRIMARY", None)
    if not isinstance(primary, str) or not primary.isidentifier():
        found = "no PRIMARY" if primary is None else f"PRIMARY = {primary!r}"
        raise UsageError(
            f'{where} has {found}; write PRIMARY = "accuracy", the name of the score that counts'
        )
    return primary


def _directions(source: object, primary: str, where: str) -> dict[str, bool]:
    """Return for each score whether more is better."""
    said = getattr(source, "HIGHER_IS_BETTER", None)
    directions = {primary: said} if isinstance(said, bool) else said
    form = f'HIGHER_IS_BETTER = True, or one for each score: {{"{primary}": True, "error": False}}'
    if not isinstance(directions, Mapping) or primary not in directions:
        raise UsageError(f"{where} does not say whether more {primary} is better; write {form}")
    for name, value in directions.items():
        if not isinstance(name, str) or not isinstance(value, bool):
            raise UsageError(f"{where}: HIGHER_IS_BETTER has {name!r}: {value!r}; write {form}")
    return dict(directions)


def _proofs(source: object) -> dict[str, Proof]:
    """Return the functions that ``greenbench.proof`` has marked, and those in ``PROOFS``."""
    found: dict[str, Proof] = {}
    for name in dir(source):
        function = getattr(source, name, None)
        proved = getattr(function, PROVES, None)
        if callable(function) and isinstance(proved, str):
            found[proved] = function
    listed: Mapping[str, Proof] = getattr(source, "PROOFS", {})
    return {**found, **listed}
