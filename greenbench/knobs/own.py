"""The knobs that a suite declares for its own code, and their proofs.

A frozen dataclass of the suite holds them: a field is a knob ``stage.name`` like any other, whose
type is the field's annotation. ``knob`` says more of a field than a default does.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
    TypeAlias,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from greenbench.errors import UsageError
from greenbench.knobs.kinds import type_of
from greenbench.options import STAGES, Hint, KnobValue, Options, OwnKnob, knobs
from greenbench.options.limits import Range

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Value = TypeVar("Value", bound="str | int | float | bool | None")
Function = TypeVar("Function", bound="Callable[..., object]")
Proof: TypeAlias = "Callable[[Hint], object]"
"""Reads a knob back from what its stage has made: the data of ``prepare`` for a knob of the stage
``data``, the model for any other."""

DECLARATION = "greenbench"
"""Key of a field's metadata."""
PROVES = "__greenbench_proves__"
"""Attribute of a function that is a proof: the name of its knob."""
KINDS = (bool, int, float, str)
UNBOUND = Range()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What ``knob`` says of a field."""

    stage: str = "training"
    limit: Range = UNBOUND
    choices: tuple[str, ...] = ()
    proof: Proof | None = None
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOptions:
    """A suite's class of options, with its knobs and their proofs."""

    made_by: Callable[..., object]
    """The class."""
    knobs: tuple[OwnKnob, ...] = ()
    proofs: Mapping[str, Proof] = dataclasses.field(default_factory=dict)
    """By the knob's name without its stage; a knob without one is unproved."""

    def of(self, options: Options) -> object:
        """Return an object of the suite's class, with the values that ``options`` have."""
        values = {}
        for own in self.knobs:
            stage = getattr(options, own.stage)
            values[own.name] = getattr(stage, own.name)
        return self.made_by(**values)


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The options of functions that declare no knobs."""


def knob(
    default: Value,
    *,
    stage: str = "training",
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    choices: Sequence[str] = (),
    proof: Proof | None = None,
    meaning: str = "",
) -> Value:
    """Declare a field of a suite's options: ``max_iter: int = greenbench.knob(100, least=1)``.

    ``default`` is V0's value. The knob is of ``stage``: data, architecture, training, system or
    inference. ``least``, ``above``, ``most`` and ``below`` bound a number; ``choices`` are the only
    texts. ``proof`` reads the value back from the model, or from the data for a knob of the stage
    data; without it the knob is unproved. ``meaning`` is what the knob does, for
    ``greenbench knobs``.
    """
    declaration = Declaration(
        stage=stage,
        limit=Range(least=least, above=above, most=most, below=below),
        choices=tuple(choices),
        proof=proof,
        meaning=meaning,
    )
    metadata = {DECLARATION: declaration}
    declared: Hint = dataclasses.field(default=default, metadata=metadata)
    value: Value = declared
    return value


def proof(name: str) -> Callable[[Function], Function]:
    """Mark a function as the proof of the knob ``name``: ``@greenbench.proof("max_iter")``.

    The function takes the model, or for a knob of the stage data what ``prepare`` returned, and
    returns the value that it reads there.
    """

    def mark(function: Function) -> Function:
        setattr(function, PROVES, name)
        return function

    return mark


def own_options(made_by: type | None, proofs: Mapping[str, Proof], where: str) -> OwnOptions:
    """Return the knobs that the fields of a class declare, with their proofs.

    ``made_by`` is None if there are no knobs; ``proofs`` are those that stand elsewhere, by name,
    and hold for fields that were given none. Raises UsageError, which begins with ``where``.
    """
    if made_by is None:
        _check_proofs(proofs, (), where)
        return OwnOptions(made_by=NoOptions)
    place = f"{where}: {made_by.__name__}"
    _check_class(made_by, place)
    hints = _hints(made_by, place)
    read = {**proofs, **_proofs(made_by)}
    found = []
    for field in dataclasses.fields(made_by):
        own = _own_knob(field, hints[field.name], place, proved=field.name in read)
        found.append(own)
    _check_proofs(proofs, [one.name for one in found], where)
    return OwnOptions(made_by=made_by, knobs=tuple(found), proofs=read)


def _proofs(made_by: type) -> dict[str, Proof]:
    """Return the proofs that fields of a class were given, by name."""
    read: dict[str, Proof] = {}
    for field in dataclasses.fields(made_by):
        declaration = _declaration(field)
        if declaration.proof is not None:
            read[field.name] = declaration.proof
    return read


def _declaration(field: dataclasses.Field[Hint]) -> Declaration:
    declaration = field.metadata.get(DECLARATION)
    return declaration if isinstance(declaration, Declaration) else Declaration()


def _check_class(made_by: type, where: str) -> None:
    if not dataclasses.is_dataclass(made_by):
        raise UsageError(f"{where} is no dataclass; write @dataclass(frozen=True) above the class")
    parameters = getattr(made_by, "__dataclass_params__")  # noqa: B009  mypy knows it not
    if not parameters.frozen:
        raise UsageError(
            f"{where} can be changed, and one object serves all rounds; write "
            "@dataclass(frozen=True) above the class"
        )


def _hints(made_by: type, where: str) -> dict[str, Hint]:
    try:
        return get_type_hints(made_by, include_extras=True)
    except NameError as error:
        raise UsageError(
            f"{where} has an annotation that cannot be read ({error}); import the name at the top "
            "of the file"
        ) from error


def _check_proofs(proofs: Mapping[str, Proof], names: Sequence[str], where: str) -> None:
    for proved in proofs:
        if proved not in names:
            known = ", ".join(names) or "none"
            raise UsageError(
                f"{where}: there is a proof of {proved!r}, which is no field of Options; the "
                f"fields are: {known}"
            )


def _own_knob(field: dataclasses.Field[Hint], hint: Hint, where: str, *, proved: bool) -> OwnKnob:
    place = f"{where}.{field.name}"
    declaration = _declaration(field)
    _check_stage(declaration.stage, field.name, place)
    if field.default is dataclasses.MISSING:
        raise UsageError(
            f"{place} has no default, which is V0's value; write {field.name}: int = 100, or "
            f"{field.name}: int = greenbench.knob(100)"
        )
    whole = _whole_hint(hint, declaration, place)
    return OwnKnob(
        stage=declaration.stage,
        name=field.name,
        hint=whole,
        default=_default(field.default, whole, place),
        meaning=declaration.meaning,
        proved=proved,
    )


def _check_stage(stage: str, name: str, place: str) -> None:
    if stage not in STAGES:
        raise UsageError(f"{place} is of stage {stage!r}; the stages are: {', '.join(STAGES)}")
    if name in knobs(stage):
        raise UsageError(
            f"{place}: greenbench has a knob {stage}.{name} already; give yours another name"
        )


def _whole_hint(hint: Hint, declaration: Declaration, place: str) -> Hint:
    """Return the annotation with the limits of ``knob``, in the form that ``Options`` has."""
    whole = get_args(hint)
    optional = NoneType in whole
    parts = [part for part in whole if part is not NoneType]
    plain = parts[0] if optional and len(parts) == 1 else hint
    if get_origin(plain) is Literal and not declaration.choices:
        choices: tuple[Hint, ...] = get_args(plain)
        kind: Hint = str
    else:
        choices, kind = declaration.choices, plain
    if kind not in KINDS or not all(isinstance(choice, str) for choice in choices):
        raise UsageError(
            f"{place} is annotated with {_shown(hint)}; a knob is bool, int, float, str, a Literal "
            "of texts, or one of these | None"
        )
    limited = _limited(kind, declaration.limit, choices, place)
    return limited | None if optional else limited


def _shown(hint: Hint) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _limited(kind: Hint, limit: Range, choices: tuple[str, ...], place: str) -> Hint:
    bounded = limit != UNBOUND
    if choices and (kind is not str or bounded):
        raise UsageError(f"{place} has choices, which are texts; annotate it with str")
    if bounded and kind not in {int, float}:
        raise UsageError(f"{place} has bounds, and is no number; annotate it with int or float")
    if choices:
        return Literal[choices]
    return Annotated[kind, limit] if bounded else kind


def _default(value: object, hint: Hint, place: str) -> KnobValue:
    taken = type_of(hint)
    try:
        return taken.convert(value)
    except ValueError as error:
        raise UsageError(f"{place} is {value!r} by default; it takes {taken}") from error
