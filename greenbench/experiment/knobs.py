"""Values of single knobs: read out of options, put into them, written like YAML and in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.options import Difference, KnobValue, Options, baseline_of, differences

if TYPE_CHECKING:
    from greenbench.types import Variant


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
    baseline = baseline_of(variant.options)
    found = [d for d in differences(variant.options) if d.knob not in variant.sweep]
    for knob, values in variant.sweep.items():
        before = value_of(baseline, knob)
        found.append(Difference(knob=knob, baseline=before, here=list(values)))
    return sorted(found, key=lambda difference: difference.knob)


def in_words(knob: str, value: KnobValue | list[KnobValue]) -> str:
    """Describe the value, or the swept values, of ``knob`` (``stage.name``)."""
    if isinstance(value, list):
        return "each of " + ", ".join(map(str, value))
    if value is None:
        return "the machine's own" if knob.startswith("system.") else "none"
    return str(value)
