"""Validates the value of a single knob against its annotation in ``Options``, and describes both.

The checks are strict: a text is no number, ``true`` is no number, and a whole number is a number.
They are written out here, because importing a validation library would take longer than all else
that ``greenbench check`` and the start of a pytest session do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from greenbench.options import Difference, KnobValue, Options, Range, TextForm, differences

if TYPE_CHECKING:
    from greenbench.types import Variant

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


@cache
def knob_type(knob: str) -> KnobType:
    """Return the type of ``knob`` (``stage.name``), as ``Options`` declares it."""
    stage, name = knob.split(".")
    hints = get_type_hints(type(getattr(Options(), stage)), include_extras=True)
    hint = hints[name]
    optional = NoneType in get_args(hint)
    if optional:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is Literal:
        return KnobType(kind=str, optional=optional, choices=get_args(hint))
    if get_origin(hint) is not Annotated:
        return KnobType(kind=hint, optional=optional)
    kind, limit = get_args(hint)
    return KnobType(kind=kind, optional=optional, limit=limit)


def value_of(options: Options, knob: str) -> KnobValue:
    """Return the value of ``knob`` (``stage.name``) in ``options``."""
    stage, name = knob.split(".")
    value: KnobValue = getattr(getattr(options, stage), name)
    return value


def with_knob(options: Options, knob: str, value: KnobValue) -> Options:
    """Return ``options`` with ``knob`` (``stage.name``) set to ``value``."""
    stage, _, name = knob.partition(".")
    changed: dict[str, Any] = {name: value}
    stages: dict[str, Any] = {stage: replace(getattr(options, stage), **changed)}
    return replace(options, **stages)


def as_yaml(value: object) -> str:
    """Write ``value`` like YAML; text keeps its quotes, so that ``'32'`` differs from ``32``."""
    return repr(value) if isinstance(value, str) else json.dumps(value, default=str)


def changes(variant: Variant) -> list[Difference]:
    """Return the knobs that ``variant`` changes, by name; a swept knob with all its values."""
    found = [d for d in differences(variant.options) if d.knob not in variant.sweep]
    for knob, values in variant.sweep.items():
        baseline = value_of(Options(), knob)
        found.append(Difference(knob=knob, baseline=baseline, here=list(values)))
    return sorted(found, key=lambda difference: difference.knob)


def in_words(knob: str, value: KnobValue | list[KnobValue]) -> str:
    """Describe the value, or the swept values, of ``knob`` (``stage.name``)."""
    if isinstance(value, list):
        return "each of " + ", ".join(map(str, value))
    if value is None:
        return "the machine's own" if knob.startswith("system.") else "none"
    return str(value)
