"""Parse what a person wrote for an option; a wrong value is one sentence: the option, what was found, what is allowed.

A parser takes the raw text (or what pyproject.toml holds) and returns the value, or raises UsageError.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.gates.expression import parse as gate
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.gates.expression import Gate

SIZES: Mapping[str, tuple[type[int | float], float]] = {
    "train": (int, 1),
    "valid": (int, 1),
    "test": (int, 1),
    "epochs": (int, 1),
    "learning_rate": (float, 1e-9),
    "max_chars": (int, 1),
    "max_tokens": (int, 8),
    "max_new_tokens": (int, 1),
}
"""What of a profile's sizes a person may change: its kind of number, and the least."""
MOST = 10**9
"""Largest number that an option takes; seeds above 2**32 are none to NumPy."""


def optional(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a parser that lets None pass."""
    return lambda value: None if value is None else parse(value)


def number(name: str, kind: type[int | float], least: float) -> Callable[[Any], Any]:
    """Return a parser of numbers from ``least`` to ``MOST``."""

    def parse(value: Any) -> Any:
        try:
            found = kind(value)
        except (ValueError, TypeError):
            found = kind(-1)
        if not least <= found <= MOST:
            what = "a whole number" if kind is int else "a number"
            raise UsageError(
                f"--green-{name}: found {value!r}; give {what} from {least:g} to {MOST}"
            )
        return found

    return parse


def one_of(name: str, allowed: Sequence[str]) -> Callable[[Any], Any]:
    """Return a parser that takes one of the ``allowed`` words."""

    def parse(value: Any) -> Any:
        if value not in allowed:
            raise UsageError(f"--green-{name}: found {value!r}; it is one of {', '.join(allowed)}")
        return value

    return parse


def switch(name: str) -> Callable[[Any], bool]:
    """Return a parser of what is given without a value."""

    def parse(value: Any) -> bool:
        if not isinstance(value, bool):
            raise UsageError(
                f"--green-{name}: found {value!r}; it takes no value, and in pyproject.toml true or false"
            )
        return value

    return parse


def device(value: Any) -> str:
    """Parse where torch runs."""
    if not re.fullmatch(r"auto|cpu|cuda(:(0|[1-9][0-9]*))?", str(value)):
        raise UsageError(f"--green-device: found {value!r}; it is auto, cpu, cuda or cuda:N")
    return str(value)


def channels(value: Any) -> tuple[str, ...]:
    """Parse channels of energy, with commas between."""
    named, allowed = _words(value), (*CHANNELS, "measured")
    if unknown := [name for name in named if name not in allowed]:
        raise UsageError(
            f"--green-require: found {unknown[0]!r}; it takes {', '.join(allowed)}, with commas between"
        )
    return named


STRICT = ("partial", "inconclusive")


def strict(value: Any) -> tuple[str, ...]:
    """Parse what ``--green-strict`` fails; ``true`` in pyproject.toml is both."""
    if isinstance(value, bool):
        return STRICT if value else ()
    named = _words(value)
    if unknown := [name for name in named if name not in STRICT]:
        raise UsageError(
            f"--green-strict: found {unknown[0]!r}; it takes {' and '.join(STRICT)}, with a comma between: "
            "write --green-strict=partial, or put it last"
        )
    return named


def _words(value: Any) -> tuple[str, ...]:
    """Return words with commas between, or those of a list."""
    parts = value if isinstance(value, list | tuple) else [value or ""]
    return tuple(
        word for part in parts for word in (w.strip() for w in str(part).split(",")) if word
    )


def allow(allowed: Sequence[str]) -> Callable[[Any], tuple[str, ...]]:
    """Return a parser of the differences that are let pass."""

    def parse(value: Any) -> tuple[str, ...]:
        named = _words(value)
        if unknown := [name for name in named if name not in allowed]:
            raise UsageError(
                f"--green-allow: found {unknown[0]!r}; it takes {', '.join(allowed)}, with commas between"
            )
        return named

    return parse


def gates(tasks: Sequence[str]) -> Callable[[Any], tuple[Gate, ...]]:
    """Return a parser of gates, a text each."""

    def parse(value: Any) -> tuple[Gate, ...]:
        listed = [value] if isinstance(value, str) else value or []
        if not isinstance(listed, list | tuple):
            raise UsageError(
                f"--green-gate: found {value!r}; in pyproject.toml give a list of texts"
            )
        return tuple(gate(str(text), tasks) for text in listed)

    return parse


def direction(value: Any) -> str:
    """Parse ``java:python``."""
    if not re.fullmatch(r"[a-z]+:[a-z]+", str(value)):
        raise UsageError(
            f"--green-direction: found {value!r}; write SRC:DST in small letters, e.g. java:python or java:cs"
        )
    return str(value)


def pairs(name: str, what: str, allowed: Sequence[str]) -> Callable[[Any], dict[str, str]]:
    """Parse ``KEY=VALUE`` entries whose keys are among ``allowed``."""

    def parse(values: Any) -> dict[str, str]:
        listed = [values] if isinstance(values, str) else values or []
        if not isinstance(listed, list | tuple):
            raise UsageError(
                f"--green-{name}: found {values!r}; in pyproject.toml give a list of {what.upper()}=VALUE texts"
            )
        entries = [str(v).partition("=") for v in listed]
        for key, equals, value in entries:
            if not equals or not value:
                raise UsageError(
                    f"--green-{name}: found {key!r}; write {what.upper()}=VALUE, e.g. {allowed[0] if allowed else 'T2'}=..."
                )
            if key not in allowed:
                raise UsageError(
                    f"--green-{name}: there is no {what} {key!r}; experiment.md has {', '.join(allowed)}"
                )
        return {key: value for key, _, value in entries}

    return parse


def each(
    name: str, tasks: Sequence[str], parse: Callable[[Any], Any]
) -> Callable[[Any], dict[str, Any]]:
    """Parse ``TASK=VALUE`` entries, each value by ``parse``."""
    return lambda values: {
        task: parse(value) for task, value in pairs(name, "task", tasks)(values).items()
    }


def share(value: Any) -> float:
    """Parse a share of positive examples."""
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 < found < 1:
        raise UsageError(
            f"--green-prevalence: found {value!r}; give a share between 0 and 1, e.g. T2=0.056"
        )
    return found


def sizes(value: Any) -> dict[str, float]:
    """Parse ``train:24,max_chars:900``: other numbers than a profile's."""
    found: dict[str, float] = {}
    for part in str(value).split(","):
        key, colon, text = (piece.strip() for piece in part.partition(":"))
        if not colon or key not in SIZES:
            raise UsageError(
                f"--green-size: found {part.strip()!r}; write KEY:N,... with keys of {', '.join(SIZES)}"
            )
        kind, least = SIZES[key]
        found[key] = number(f"size {key}", kind, least)(text)
    return found


def roles(text: str) -> dict[str, str]:
    """Parse ``text:func,label:vul``."""
    parts = [p.strip().partition(":") for p in text.split(",")]
    if any(not role or not column for role, _, column in parts):
        raise UsageError(
            f"--green-columns: found {text!r}; write ROLE:COLUMN,..., e.g. text:func,label:vul"
        )
    return {role.strip(): column.strip() for role, _, column in parts}
