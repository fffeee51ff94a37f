"""The ``--green-*`` options: from the command line, else from ``[tool.greenbench]`` in pyproject.toml, else the default.

One literal table names every option; what is not in it is refused. Nothing here opens data, models or devices.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import Disagreements, UsageError
from greenbench.profiles import PROFILES
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: how it is asked for, and what it means."""

    name: str
    metavar: str
    help: str
    default: Any = None
    repeatable: bool = False
    switch: bool = False
    """Given without a value."""
    alone: str = ""
    """What it means without a value, where it may have one."""

    @property
    def flag(self) -> str:
        """As it stands on the command line."""
        return f"--green-{self.name}"


MOST = 10**9
"""Largest number that an option takes; seeds above 2**32 are none to NumPy."""

OPTIONS = (
    Option(name="profile", metavar="NAME", default="tiny", help=f"how big: {', '.join(PROFILES)} (default: tiny)"),
    Option(name="rounds", metavar="N", help="measured rounds per cell, each a whole pipeline run (default: the profile's)"),
    Option(name="seed", metavar="N", default=0, help="first seed; round i uses N + i (default: 0)"),
    Option(
        name="data",
        metavar="TASK=PATH",
        repeatable=True,
        help="local parquet / jsonl / csv file or folder, e.g. T2=bigvul.parquet",
    ),
    Option(name="columns", metavar="TASK=ROLE:COLUMN,...", repeatable=True, help="its columns, e.g. T2=text:func,label:vul"),
    Option(name="direction", metavar="SRC:DST", help="languages of T1, e.g. java:python (default: the data's)"),
    Option(
        name="model",
        metavar="MODEL=ID_OR_PATH",
        repeatable=True,
        help="another checkpoint, e.g. M2=answerdotai/ModernBERT-base",
    ),
    Option(name="device", metavar="auto|cpu|cuda[:N]", default="auto", help="where torch runs (default: auto)"),
    Option(
        name="gpus",
        metavar="auto|none|all|UUID,...",
        default="auto",
        help="whose energy counts (default: the cell's CUDA device)",
    ),
    Option(
        name="control",
        metavar="on|off",
        default="on",
        help="may power limits, clocks and governors be set? off: those knobs are reported as not applied (default: on)",
    ),
    Option(
        name="require",
        metavar="CHANNELS",
        help="gpu, cpu, dram or measured: fail a cell whose energy lacks it or only estimates it, e.g. gpu,cpu",
    ),
    Option(
        name="strict",
        metavar="partial",
        alone="partial",
        help="fail cells that are partial: a knob did not do what was asked",
    ),
    Option(name="results", metavar="DIR", default="results", help="where the JSON goes (default: results)"),
    Option(name="plan", metavar="", default=False, switch=True, help="print what would run and cost; run nothing"),
    Option(name="cpu-watts", metavar="W", help="watts per busy core for the CPU estimate (default: looked up)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the person asked for, validated."""

    profile: str
    rounds: int | None
    seed: int
    data: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    direction: str | None
    model: Mapping[str, str]
    device: str
    gpus: str
    control: str
    require: tuple[str, ...]
    strict: bool
    """Whether a cell fails that is partial."""
    results: Path
    cpu_watts: float | None
    plan: bool


def read_pyproject(root: Path) -> dict[str, Any]:
    """Return ``[tool.greenbench]`` of ``root``'s pyproject.toml (empty without one); raises UsageError for unknown keys."""
    file = root / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        table: dict[str, Any] = tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("greenbench", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file.name}: not valid TOML ({error})") from error
    known = [o.name for o in OPTIONS]
    if unknown := sorted(set(table) - set(known)):
        raise UsageError(f"{file.name}: [tool.greenbench] has no {', '.join(map(repr, unknown))}; it has: {', '.join(known)}")
    return table


def settings(given: Callable[[str], Any], root: Path, *, tasks: Sequence[str], models: Sequence[str]) -> Settings:
    """Resolve every option. ``given`` returns what the command line says of a flag (None or empty: nothing).

    Raises Disagreements, one sentence for each option that is wrong.
    """
    file = read_pyproject(root)
    raw = {o.name: given(o.flag) or file.get(o.name, o.default) for o in OPTIONS}
    problems: list[str] = []

    def checked(name: str, parse: Callable[[Any], Any]) -> Any:
        try:
            return parse(raw[name])
        except UsageError as error:
            problems.append(str(error))
            return None

    values = {
        "profile": checked("profile", _one_of("profile", tuple(PROFILES))),
        "rounds": checked("rounds", _optional(_number("rounds", int, 1))),
        "seed": checked("seed", _number("seed", int, 0)),
        "data": checked("data", _pairs("data", "task", tasks)),
        "columns": checked("columns", lambda v: {k: _roles(c) for k, c in _pairs("columns", "task", tasks)(v).items()}),
        "direction": checked("direction", _optional(_direction)),
        "model": checked("model", _pairs("model", "model", models)),
        "device": checked("device", _device),
        "gpus": str(raw["gpus"]),
        "control": checked("control", _one_of("control", ("on", "off"))),
        "require": checked("require", _channels),
        "strict": checked("strict", _strict),
        "results": root / local_path(str(raw["results"])),
        "cpu_watts": checked("cpu-watts", _optional(_number("cpu-watts", float, 0.01))),
        "plan": checked("plan", _switch),
    }
    if problems:
        raise Disagreements(problems)
    return Settings(**values)


def local_path(text: str) -> Path:
    """Return the path that a person wrote, ``~`` expanded where it names a home directory."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user: then it is a name like any other
        return Path(text)


def _optional(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else parse(value)


def _number(name: str, kind: type[int | float], least: float) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        try:
            number = kind(value)
        except (ValueError, TypeError):
            number = kind(-1)
        if not least <= number <= MOST:
            what = "a whole number" if kind is int else "a number"
            raise UsageError(f"--green-{name}: found {value!r}; give {what} from {least:g} to {MOST}")
        return number

    return parse


def _one_of(name: str, allowed: Sequence[str]) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        if value not in allowed:
            raise UsageError(f"--green-{name}: found {value!r}; it is one of {', '.join(allowed)}")
        return value

    return parse


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"--green-plan: found {value!r}; it takes no value, and in pyproject.toml true or false")
    return value


def _device(value: Any) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:(0|[1-9][0-9]*))?", str(value)):
        raise UsageError(f"--green-device: found {value!r}; it is auto, cpu, cuda or cuda:N")
    return str(value)


def _channels(value: Any) -> tuple[str, ...]:
    named = tuple(filter(None, (part.strip() for part in str(value or "").split(","))))
    allowed = (*CHANNELS, "measured")
    if unknown := [name for name in named if name not in allowed]:
        raise UsageError(f"--green-require: found {unknown[0]!r}; it takes {', '.join(allowed)}, with commas between")
    return named


def _strict(value: Any) -> bool:
    if value not in (None, "", "partial", True, False):
        raise UsageError(f"--green-strict: found {value!r}; it takes partial: write --green-strict=partial, or put it last")
    return bool(value)


def _direction(value: Any) -> str:
    if not re.fullmatch(r"[a-z]+:[a-z]+", str(value)):
        raise UsageError(f"--green-direction: found {value!r}; write SRC:DST in small letters, e.g. java:python or java:cs")
    return str(value)


def _pairs(name: str, what: str, allowed: Sequence[str]) -> Callable[[Any], dict[str, str]]:
    """Parse ``KEY=VALUE`` entries whose keys are among ``allowed``."""

    def parse(values: Any) -> dict[str, str]:
        entries = [str(v).partition("=") for v in ([values] if isinstance(values, str) else values or [])]
        for key, equals, value in entries:
            if not equals or not value:
                raise UsageError(
                    f"--green-{name}: found {key!r}; write {what.upper()}=VALUE, e.g. {allowed[0] if allowed else 'T2'}=..."
                )
            if key not in allowed:
                raise UsageError(f"--green-{name}: there is no {what} {key!r}; experiment.md has {', '.join(allowed)}")
        return {key: value for key, _, value in entries}

    return parse


def _roles(text: str) -> dict[str, str]:
    """Parse ``text:func,label:vul``."""
    parts = [p.strip().partition(":") for p in text.split(",")]
    if any(not role or not column for role, _, column in parts):
        raise UsageError(f"--green-columns: found {text!r}; write ROLE:COLUMN,..., e.g. text:func,label:vul")
    return {role.strip(): column.strip() for role, _, column in parts}
