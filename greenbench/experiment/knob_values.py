"""Values to try of a knob that no table has any for: what its declaration allows beside V0's.

A knob of words, or a switch, is tried at each other choice; a number at half and at double V0's
value, within its bounds; a number whose V0 has none, or 0, at the bounds themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.experiment.knobs import value_of
from greenbench.knobs.kinds import knob_type
from greenbench.options import BASELINE, Options, Range, baseline_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.knobs.kinds import KnobType
    from greenbench.options import KnobValue

AUTO = "auto"
"""A choice that is one of the others."""
UNBOUND = Range()


class DerivedValues(NamedTuple):
    """Values that follow from a knob's declaration, as ``--set`` takes them."""

    values: tuple[str, ...] = ()
    how: str = ""
    """How numbers follow; empty for choices, all of which are tried."""


def derived_values(knob: str, suite: Options = BASELINE) -> DerivedValues:
    """Return the values to try of ``knob`` (``stage.name``); none if none follows."""
    kind, default = knob_type(knob, suite), value_of(baseline_of(suite), knob)
    if kind.kind is bool:
        return DerivedValues(("false",) if default else ("true",))
    if kind.choices:
        others = tuple(choice for choice in kind.choices if choice not in {default, AUTO})
        return DerivedValues(others)
    if kind.kind is str:
        return DerivedValues()
    limit = kind.limit if isinstance(kind.limit, Range) else UNBOUND
    if isinstance(default, int | float) and default:
        numbers = [_nearest(default / 2, limit), _nearest(default * 2, limit)]
        how = f"half and double of V0's {default:g}, within its bounds"
    else:
        numbers = [number for number in (limit.least, limit.most) if number is not None]
        how = "its bounds"
    return DerivedValues(_written(numbers, kind, default), how)


def _nearest(number: float, limit: Range) -> float:
    """Return the number within the inclusive bounds of ``limit`` that is nearest to ``number``."""
    if limit.least is not None:
        number = max(number, limit.least)
    return number if limit.most is None else min(number, limit.most)


def _written(numbers: Iterable[float], kind: KnobType, default: KnobValue) -> tuple[str, ...]:
    """Return the numbers that the knob takes and that are not V0's, each once."""
    found: dict[str, None] = {}
    for number in numbers:
        value = int(number) if kind.kind is int else float(number)
        try:
            converted = kind.convert(value)
        except ValueError:  # beyond a bound that is itself not allowed
            continue
        if converted != default:
            found[repr(converted)] = None
    return tuple(found)
