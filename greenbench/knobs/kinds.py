"""What a knob takes: its kind and limits, read from the annotation of its field in ``Options``.

The checks are strict: a text is no number, ``true`` is no number, and a whole number is a number.
They are written out here, because importing a validation library would take longer than all else
that ``greenbench check`` and the start of a pytest session do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import (
    Annotated,
    Literal,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from greenbench.options import BASELINE, Hint, KnobValue, Options
from greenbench.options.limits import Range, TextForm

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobType:
    """What a knob takes."""

    kind: type
    """``bool``, ``int``, ``float`` or ``str``."""
    optional: bool = False
    """Whether it takes None too."""
    choices: tuple[str, ...] = ()
    """The only texts that it takes, if it takes no others."""
    limit: Range | TextForm | None = None

    def __str__(self) -> str:
        """Describe it: ``fp32, bf16, fp16``, or ``a number above 0 and up to 1, or null``."""
        if self.choices:
            values = ", ".join(self.choices)
        elif isinstance(self.limit, TextForm):
            values = str(self.limit)
        else:
            values = f"{_KINDS[self.kind]} {self.limit or ''}".strip()
        return f"{values}, or null" if self.optional else values

    @property
    def takes_texts_like_numbers(self) -> bool:
        """Whether ``3``, which YAML reads as a number, may be a text here: one layer, one CPU."""
        return isinstance(self.limit, TextForm)

    def convert(self, value: object) -> KnobValue:
        """Return ``value`` as the knob's kind; raises ValueError if the knob does not take it."""
        if value is None and self.optional:
            return None
        if self.kind is float and type(value) is int:
            value = _as_float(value)
        if type(value) is not self.kind or not self._contains(value):
            raise ValueError(value)
        return cast("KnobValue", value)

    def _contains(self, value: object) -> bool:
        if self.choices:
            return value in self.choices
        return self.limit is None or value in self.limit


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise ValueError(number) from error


def knob_type(knob: str, options: Options = BASELINE) -> KnobType:
    """Return the type of ``knob`` (``stage.name``), as the class of ``options`` declares it."""
    stage, name = knob.split(".")
    owner: Hint = type(getattr(options, stage))
    return type_of(_hints(owner)[name])


@cache
def _hints(stage: Hint) -> dict[str, Hint]:
    return get_type_hints(stage, include_extras=True)


@cache
def type_of(hint: Hint) -> KnobType:
    """Return the type of a knob that is annotated with ``hint``."""
    optional = NoneType in get_args(hint)
    if optional:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    origin: object = get_origin(hint)
    if origin is Literal:
        return KnobType(kind=str, optional=optional, choices=get_args(hint))
    if origin is not Annotated:
        return KnobType(kind=hint, optional=optional)
    kind, limit = get_args(hint)
    return KnobType(kind=kind, optional=optional, limit=limit)
