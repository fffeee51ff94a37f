"""Reads values out of parsed JSON; one of a wrong type is refused with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

from greenbench.errors import UsageError

Value = TypeVar("Value")
LARGEST = 1e300
"""Whole numbers above it are no measurement, and may fit no float."""
LARGEST_COUNT = 10**30
"""Whole numbers above it count nothing: not the operations of any training, nor a seed."""


class Fields:
    """One JSON object. Methods raise UsageError for other types; missing is the same as null."""

    __slots__ = ("_data", "_name", "_within")

    def __init__(self, data: object, name: str, within: Fields | None = None) -> None:
        """Take a JSON object; errors call it ``name``, after the object it stands ``within``.

        Raises UsageError for what is no JSON object.
        """
        self._name, self._within = name, within
        if type(data) is not dict and not isinstance(data, Mapping):  # the first is far faster
            _refuse(self.place, data, "an object")
        self._data: Mapping[str, object] = data

    @property
    def place(self) -> str:
        """How an error names this object; put together here, as most objects have none."""
        return self._name if self._within is None else f"{self._within.place}.{self._name}"

    def __contains__(self, key: str) -> bool:
        """Whether the key stands there with a value."""
        return self._data.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; raises UsageError where it is missing and there is no default."""
        value = self._data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            self.refuse_value(key, value, "a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a string, or None."""
        return self.text(key) if key in self else None

    def number(self, key: str) -> float | None:
        """Return a finite number, or None."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST:
            return float(value)
        self.refuse_value(key, value, "a finite number or null")
        return None

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a whole number; raises UsageError where it is missing and there is no default."""
        value = self._data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_COUNT:
            self.refuse_value(key, value, "a whole number up to 1e30")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse_value(key, value, "true or false")
        return value

    def mapping(self, key: str) -> Mapping[str, object]:
        """Return an object as it stands; an empty one where it is missing."""
        return self.fields(key).whole()

    def fields(self, key: str) -> Fields:
        """Return an object to read from; an empty one where it is missing."""
        value = self._data.get(key)
        return Fields({} if value is None else value, key, self)

    def refuse(self, contents: str, allowed: str) -> NoReturn:
        """Raise UsageError: the object holds ``contents`` where ``allowed`` is expected."""
        raise UsageError(f"{self.place}: found {contents}, expected {allowed}; measure it again")

    def whole(self) -> Mapping[str, object]:
        """Return all of the object as it stands."""
        return self._data

    def values(self, read: Callable[[Fields], Value]) -> dict[str, Value]:
        """Read each value, which is an object, by its key; a null is left out."""
        values = {}
        for key, value in self._data.items():
            if value is not None:
                values[key] = read(Fields(value, key, self))
        return values

    def each(self, key: str, read: Callable[[Fields], Value]) -> tuple[Value, ...]:
        """Read each object of a list; an empty one where it is missing."""
        values = []
        for index, value in enumerate(self._list(key)):
            values.append(read(Fields(value, f"{key}[{index}]", self)))
        return tuple(values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; an empty one where it is missing."""
        texts = []
        for value in self._list(key):
            if not isinstance(value, str):
                self.refuse_value(key, value, "a list of texts")
            texts.append(value)
        return tuple(texts)

    def _list(self, key: str) -> list[object]:
        value = self._data.get(key)
        if value is None:
            return []
        if not isinstance(value, (list, tuple)):
            self.refuse_value(key, value, "a list")
        return list(value)

    def refuse_value(self, key: str, value: object, allowed: str) -> NoReturn:
        """Raise UsageError: ``value`` stands at ``key``, where ``allowed`` is expected."""
        _refuse(f"{self.place}.{key}", value, allowed)


def _refuse(place: str, value: object, allowed: str) -> NoReturn:
    shown = repr(value)
    if len(shown) > 40:  # noqa: PLR2004  a reader needs to recognise it, not to read it all
        shown = f"{shown[:40]}..."
    raise UsageError(f"{place}: found {shown}, expected {allowed}; measure it again")


def values_of(fields: Fields, key: str, read: Callable[[Fields], Value]) -> dict[str, Value]:
    """Read each value of an object by its key; of a missing one none."""
    return fields.fields(key).values(read) if key in fields else {}


def amount(fields: Fields, key: str) -> float | None:
    """Return a finite number that is not negative, or None."""
    value = fields.number(key)
    if value is not None and value < 0:
        fields.refuse_value(key, fields.whole()[key], "a number that is not negative")
    return value


def count(fields: Fields, key: str, default: int | None = None, *, least: int = 0) -> int:
    """Return a whole number from ``least`` on; raises UsageError as ``Fields.integer`` does."""
    value = fields.integer(key, default)
    if value < least:
        fields.refuse_value(key, value, f"a whole number from {least} on")
    return value


def optional_count(fields: Fields, key: str) -> int | None:
    """Return a whole number that is not negative, or None."""
    return count(fields, key) if key in fields else None


def amounts(fields: Fields, name: str) -> dict[str, float]:
    """Return the numbers of an object by key, none of them negative, without those that are null.

    Of an object that is missing there are none; so it is for all that follows.
    """
    known = {}
    if name in fields:
        inner = fields.fields(name)
        for key in inner.whole():
            value = amount(inner, key)
            if value is not None:
                known[key] = value
    return known


def optional_numbers(fields: Fields) -> dict[str, float | None]:
    """Return an object's numbers by key; a null stays None."""
    return {key: fields.number(key) for key in fields.whole()}


def optional_counts(fields: Fields, name: str) -> dict[str, int | None]:
    """Return the whole numbers of an object by key, none of them negative; a null stays None."""
    counts: dict[str, int | None] = {}
    if name in fields:
        inner = fields.fields(name)
        for key in inner.whole():
            counts[key] = optional_count(inner, key)
    return counts


def texts_by_key(fields: Fields, name: str) -> dict[str, str]:
    """Return the strings of an object by key."""
    if name not in fields:
        return {}
    inner = fields.fields(name)
    return {key: inner.text(key) for key in inner.whole()}
