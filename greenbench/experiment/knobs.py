"""What a single knob takes: its type as ``Options`` declares it, checked, and told in words that a person can act on."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter

from greenbench.options import CPU_LIST, GOVERNOR, LAYER_CHOICE, Difference, Options, differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.types import Variant

_BOUNDS = (
    ("minimum", "from"),
    ("exclusiveMinimum", "above"),
    ("maximum", "up to"),
    ("exclusiveMaximum", "below"),
)
_CHOICES = {
    LAYER_CHOICE: "deepest, top, bottom, alternate, influence, or layers like 3,4",
    GOVERNOR: "a governor that the kernel has, like powersave",
    CPU_LIST: "processors like 0-3,8",
}
"""Pattern to what it allows, in words."""
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "string": "a text",
}


def value_of(options: Options, knob: str) -> Any:
    """Return the value of ``knob`` (``stage.name``) in ``options``."""
    stage, name = knob.split(".")
    return getattr(getattr(options, stage), name)


@cache
def adapter(knob: str) -> TypeAdapter[Any]:
    """Return what validates values of ``knob`` as ``Options`` declares it, strictly."""
    stage, name = knob.split(".")
    hints = get_type_hints(type(getattr(Options(), stage)), include_extras=True)
    return TypeAdapter(hints[name], config=ConfigDict(strict=True))


def allowed(knob: str) -> str:
    """Say which values ``knob`` takes: ``fp32, bf16, fp16``, or ``a number above 0 and up to 1, or null``."""
    schema = adapter(knob).json_schema()
    return ", or ".join(_allowed_by(part) for part in schema.get("anyOf", [schema]))


def _allowed_by(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "pattern" in schema:
        return _CHOICES.get(schema["pattern"], str(schema["pattern"]))
    bounds = " and ".join(f"{word} {schema[key]:g}" for key, word in _BOUNDS if key in schema)
    return f"{_KINDS[schema['type']]} {bounds}".strip()


def takes_text(knob: str) -> bool:
    """Whether ``knob`` takes a text of a certain form."""
    schema = adapter(knob).json_schema()
    return any("pattern" in part for part in schema.get("anyOf", [schema]))


def shown_value(value: object) -> str:
    """Write ``value`` as YAML would; text keeps its quotes, so that ``'32'`` differs from ``32``."""
    return repr(value) if isinstance(value, str) else json.dumps(value, default=str)


def changes(variant: Variant) -> list[Difference]:
    """Return what ``variant`` changes; a swept knob stands with all its values, the baseline's among them."""
    single = [d for d in differences(variant.options) if d.knob not in variant.sweep]
    baseline = Options()
    swept = [
        Difference(knob=knob, baseline=getattr(getattr(baseline, stage), name), here=list(values))
        for knob, values in variant.sweep.items()
        for stage, _, name in [knob.partition(".")]
    ]
    return sorted([*single, *swept], key=lambda d: d.knob)


def told(value: Any) -> str:
    """Say a knob's value in words."""
    if isinstance(value, list):
        return "each of " + ", ".join(map(str, value))
    return "the machine's own" if value is None else str(value)
