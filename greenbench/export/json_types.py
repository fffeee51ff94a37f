"""JSON schemas of types: a data class becomes an object, with the words that stand in the code."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from greenbench.options import KnobValue, Options
from greenbench.options.limits import Range, TextForm
from greenbench.results.descriptions import descriptions
from greenbench.types import Quantity, Window

Schema: TypeAlias = dict[str, Any]
Parts: TypeAlias = tuple[Any, ...]
PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    float: {"type": "number"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}
BOUNDS = {
    "least": "minimum",
    "above": "exclusiveMinimum",
    "most": "maximum",
    "below": "exclusiveMaximum",
}
TYPING_ONLY = {
    "Mapping": Mapping,
    "Path": Path,
    "Options": Options,
    "KnobValue": KnobValue,
    "Quantity": Quantity,
    "Window": Window,
}
"""Names in annotations that their modules import for type checking alone."""


def of_type(annotation: Any) -> Schema:
    """Return the schema of what ``results.record.builtin`` makes of a value of this type."""
    if annotation in PLAIN:
        return dict(PLAIN[annotation])
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return of_class(annotation)
    make = MADE_OF_PARTS.get(get_origin(annotation))
    return make(get_args(annotation)) if make is not None else {}  # anything that JSON holds


def of_class(kind: type) -> Schema:
    """Return the schema of a data class: all of its fields, and no others."""
    return closed(properties_of(kind))


def properties_of(kind: type) -> dict[str, Schema]:
    """Return the schema of each field of a data class, with its description."""
    texts = descriptions(kind)
    hints = get_type_hints(kind, localns=TYPING_ONLY, include_extras=True)
    properties = {}
    for field in dataclasses.fields(kind):
        schema = of_type(hints[field.name])
        if field.name in texts:
            schema["description"] = texts[field.name]
        properties[field.name] = schema
    return properties


def closed(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object with these properties, and no others."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def nullable(schema: Schema) -> Schema:
    """Return the schema of the same, or null."""
    return _any_of([schema, {"type": "null"}])


def _annotated(parts: Parts) -> Schema:
    return _bounded(of_type(parts[0]), parts[1:])


def _words(parts: Parts) -> Schema:
    return {"enum": list(parts)}


def _union(parts: Parts) -> Schema:
    return _any_of([of_type(part) for part in parts])


def _array(parts: Parts) -> Schema:
    return {"type": "array", "items": of_type(parts[0])}


def _object(parts: Parts) -> Schema:
    return {"type": "object", "additionalProperties": of_type(parts[1])}


MADE_OF_PARTS: dict[object, Callable[[Parts], Schema]] = {
    Annotated: _annotated,
    Literal: _words,
    Union: _union,
    types.UnionType: _union,
    tuple: _array,
    list: _array,
    Mapping: _object,
    dict: _object,
}
"""What makes the schema of a type that has parts, by its origin."""


def _any_of(schemas: list[Schema]) -> Schema:
    """Return the schema of a union; of plain types it is a list of their names."""
    if all(set(schema) == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def _bounded(schema: Schema, limits: tuple[object, ...]) -> Schema:
    for limit in limits:
        if isinstance(limit, Range):
            for name, keyword in BOUNDS.items():
                bound = getattr(limit, name)
                if bound is not None:
                    schema[keyword] = bound
        elif isinstance(limit, TextForm):
            schema["pattern"] = f"^(?:{limit.pattern})$"
    return schema
