"""Parsers of option values: each takes a ``RawOption`` and returns its value, or raises UsageError.

A message is one sentence: the option, what was found, and what is allowed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from greenbench.data.places import local_path
from greenbench.errors import UsageError
from greenbench.gates.expression import parse as parse_gate
from greenbench.machine.devices import ALLOWED, is_well_formed
from greenbench.options import BASELINE
from greenbench.results.carbon import CarbonIntensity
from greenbench.stats.looks import FEWEST_BLOCKS, MOST_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.options import Options

LARGEST = 10**9
"""The largest number that an option takes: NumPy refuses seeds above 2**32."""
MOST_G_PER_KWH = 5000
"""Electricity from the worst coal has about 1,500."""
LONGEST_SHOWN = 200
"""Characters of a wrong value that a message shows."""
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
"""What of a profile's sizes can be changed: the kind of number, and the least one."""
SENSOR_CLASS = r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*"
STRICT = ("partial", "inconclusive")


@dataclass(frozen=True, slots=True)
class RawOption:
    """The value of an option as it was written, and the names that it may refer to."""

    flag: str
    value: object
    """A text, the texts of a repeatable option, or what TOML makes of pyproject.toml."""
    tasks: Sequence[str] = ()
    models: Sequence[str] = ()
    scores: Mapping[str, Mapping[str, bool]] | None = None
    """The scores that gates may be about, by task, and whether more is better; None for any."""
    root: Path = Path()
    """The folder that relative paths start from."""
    baseline: Options = BASELINE
    """The knobs that there are."""
    absent: Collection[str] = ()
    """Those of them that no task has."""

    def error(self, remedy: str) -> UsageError:
        """Return the error that says what was found and, by ``remedy``, what is allowed."""
        return UsageError(f"{self.flag}: found {shortened(self.value)}; {remedy}")


def shortened(value: object) -> str:
    """Return how a message shows a value: a reader needs to recognise it, not to read it all."""
    shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


T = TypeVar("T")
Parser: TypeAlias = Callable[[RawOption], T]


def optional(parse: Parser[T]) -> Parser[T | None]:
    """Return a parser that leaves None alone and gives all else to ``parse``."""
    return lambda raw: None if raw.value is None else parse(raw)


def text(raw: RawOption) -> str:
    """Return the value, which is a text."""
    if not isinstance(raw.value, str):
        raise raw.error("give a text")
    return raw.value


def path(raw: RawOption) -> Path:
    """Return the value as a path, ``~`` expanded; a relative one starts from the root."""
    if not isinstance(raw.value, str) or not raw.value or "\0" in raw.value:
        raise raw.error("give a path")
    return raw.root / local_path(raw.value)


def matrix_file(raw: RawOption) -> Path:
    """Return the path of an ``experiment.md`` that is there."""
    file = path(raw)
    if not os.path.isfile(file):  # noqa: PTH113  a name that is too long is none either
        variants = "with the folders of its variants in variants/ beside it"
        raise raw.error(f"there is no such file; name an experiment.md, {variants}")
    return file


def whole_number(least: int) -> Parser[int]:
    """Return a parser of whole numbers from ``least`` to ``LARGEST``."""
    return lambda raw: _number(raw, int, least)


def number(least: float) -> Parser[float]:
    """Return a parser of numbers from ``least`` to ``LARGEST``."""
    return lambda raw: _number(raw, float, least)


def most_blocks(raw: RawOption) -> int | None:
    """Return the most blocks of a session that ends with what is settled; None for ``off``."""
    if raw.value is None or raw.value == "off":
        return None
    found = _converted(raw.value, int)
    if found is None or not FEWEST_BLOCKS <= found <= MOST_BLOCKS:
        raise raw.error(f"give a whole number from {FEWEST_BLOCKS} to {MOST_BLOCKS}, or off")
    return found


N = TypeVar("N", int, float)


def _number(raw: RawOption, kind: type[N], least: float) -> N:
    found = _converted(raw.value, kind)
    if found is None or not least <= found <= LARGEST:
        name = "a whole number" if kind is int else "a number"
        raise raw.error(f"give {name} from {least:g} to {LARGEST}")
    return found


def _converted(value: object, kind: type[N]) -> N | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        number = kind(value)
    except (ValueError, OverflowError):
        return None
    return number if isinstance(value, str) or number == value else None  # 2.5 is not whole


def carbon_intensity(raw: RawOption) -> CarbonIntensity:
    """Return grams of CO2 equivalents per kWh, after which their source may stand."""
    written, _, rest = str(raw.value).strip().partition(" ")
    grams = None if isinstance(raw.value, bool) else _converted(written, float)
    if grams is None or not 0 <= grams <= MOST_G_PER_KWH:
        raise raw.error(
            f"give grams per kWh from 0 to {MOST_G_PER_KWH}, and their source, e.g. "
            "'380 (grid average of 2024, national agency)'"
        )
    source = rest.strip()
    if source.startswith("(") and source.endswith(")"):
        source = source[1:-1].strip()
    return CarbonIntensity(g_per_kwh=grams, source=source)


def share(raw: RawOption) -> float:
    """Return a share of positive examples, a number between 0 and 1."""
    found = _converted(raw.value, float)
    if found is None or not 0 < found < 1:
        raise raw.error("give a share between 0 and 1, e.g. 0.056")
    return found


def one_of(allowed: Iterable[str]) -> Parser[str]:
    """Return a parser that takes one of the ``allowed`` words."""
    words = tuple(allowed)

    def parse(raw: RawOption) -> str:
        if raw.value not in words:
            raise raw.error(f"it is one of {', '.join(words)}")
        return str(raw.value)

    return parse


def matching(pattern: str, remedy: str) -> Parser[str]:
    """Return a parser of texts that match ``pattern``; ``remedy`` says in words what they are."""

    def parse(raw: RawOption) -> str:
        if not re.fullmatch(pattern, str(raw.value)):
            raise raw.error(remedy)
        return str(raw.value)

    return parse


def devices(raw: RawOption) -> str:
    """Return what names the device of a cell, or several, each GPU once."""
    if not is_well_formed(str(raw.value)):
        raise raw.error(ALLOWED)
    return str(raw.value)


def switch(raw: RawOption) -> bool:
    """Return the value of an option that takes none on the command line."""
    if not isinstance(raw.value, bool):
        raise raw.error("it takes no value, and in pyproject.toml true or false")
    return raw.value


def words(allowed: Sequence[str]) -> Parser[tuple[str, ...]]:
    """Return a parser of any number of the ``allowed`` words, with commas between."""
    return lambda raw: _words(raw, allowed, f"it takes {', '.join(allowed)}, with commas between")


def sensor_classes(raw: RawOption) -> tuple[str, ...]:
    """Return the classes of sensors, each ``MODULE:CLASS``, once."""
    names = []
    for entry in _texts(raw, "MODULE:CLASS texts"):
        if not re.fullmatch(SENSOR_CLASS, entry):
            raise replace(raw, value=entry).error("write MODULE:CLASS, e.g. wattmeter:WallSocket")
        names.append(entry)
    return tuple(dict.fromkeys(names))


def strictness(raw: RawOption) -> tuple[str, ...]:
    """Return what fails beside regressions; ``true`` in pyproject.toml is all of ``STRICT``."""
    if isinstance(raw.value, bool):
        return STRICT if raw.value else ()
    allowed = f"it takes {' and '.join(STRICT)}, with a comma between"
    return _words(raw, STRICT, f"{allowed}: write --green-strict=partial, or put it last")


def _words(raw: RawOption, allowed: Sequence[str], remedy: str) -> tuple[str, ...]:
    found = []
    for part in _texts(raw, "words"):
        for piece in part.split(","):
            word = piece.strip()
            if word and word not in allowed:
                raise replace(raw, value=word).error(remedy)
            if word:
                found.append(word)
    return tuple(found)


def _texts(raw: RawOption, form: str) -> list[str]:
    """Return the texts of a repeatable option; pyproject.toml may hold a single one too."""
    if raw.value is None:
        return []
    entries = [raw.value] if isinstance(raw.value, str) else raw.value
    if not isinstance(entries, list | tuple) or not all(isinstance(e, str) for e in entries):
        raise raw.error(f"in pyproject.toml give a list of {form}")
    return list(entries)


def gates(raw: RawOption) -> tuple[Gate, ...]:
    """Return the gates of a list of expressions, each once."""
    by_text = {}
    for expression in _texts(raw, "texts"):
        gate = parse_gate(expression, raw.tasks, raw.scores)
        by_text[gate.text] = gate
    return tuple(by_text.values())


def by_task(parse: Parser[T]) -> Parser[dict[str, T]]:
    """Return a parser of ``TASK=VALUE`` entries; ``parse`` reads each value."""

    def parse_entries(raw: RawOption) -> dict[str, T]:
        entries = _entries(raw, "task", raw.tasks)
        return {task: parse(replace(raw, value=value)) for task, value in entries.items()}

    return parse_entries


def by_model(raw: RawOption) -> dict[str, str]:
    """Return the values of ``MODEL=VALUE`` entries by model."""
    return _entries(raw, "model", raw.models)


def _entries(raw: RawOption, kind: str, names: Sequence[str]) -> dict[str, str]:
    """Return the values of ``NAME=VALUE`` entries, whose names are among ``names``."""
    form = f"{kind.upper()}=VALUE"
    example = names[0] if names else kind.upper()
    entries = {}
    for entry in _texts(raw, f"{form} texts"):
        name, _, value = entry.partition("=")
        if not value:
            raise replace(raw, value=name).error(f"write {form}, e.g. {example}=...")
        if name not in names:
            known = ", ".join(names)
            raise UsageError(f"{raw.flag}: there is no {kind} {name!r}; experiment.md has {known}")
        entries[name] = value
    return entries


def sizes(raw: RawOption) -> dict[str, float]:
    """Return the numbers of ``train:24,max_chars:900`` by key, one of ``SIZES``."""
    numbers: dict[str, float] = {}
    for part in str(raw.value).split(","):
        name, colon, value = part.partition(":")
        key = name.strip()
        if not colon or key not in SIZES:
            remedy = f"write KEY:N,... with keys of {', '.join(SIZES)}"
            raise replace(raw, value=part.strip()).error(remedy)
        kind, least = SIZES[key]
        entry = RawOption(f"{raw.flag} {key}", value.strip())
        numbers[key] = _number(entry, kind, least)
    return numbers


def roles(raw: RawOption) -> dict[str, str]:
    """Return the columns of ``text:func,label:vul`` by role."""
    columns = {}
    for part in str(raw.value).split(","):
        role, _, column = part.strip().partition(":")
        if not role or not column:
            raise raw.error("write ROLE:COLUMN,..., e.g. text:func,label:vul")
        columns[role.strip()] = column.strip()
    return columns
