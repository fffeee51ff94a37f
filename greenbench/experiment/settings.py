"""The ``--green-*`` options: from the command line, else from ``[tool.greenbench]`` in pyproject.toml, else the default.

One literal table names every option; what is not in it is refused. Nothing here opens data, models or devices.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.data.places import local_path
from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import option_parsers as values
from greenbench.experiment.profiles import PROFILES
from greenbench.gates.expression import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.expression import Gate


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


SPLITS = ("random", "project", "time")
BALANCES = ("none", "weights", "undersample")
OPTIONS = (
    Option(
        name="profile",
        metavar="NAME",
        default="tiny",
        help=f"how big: {', '.join(PROFILES)} (default: tiny)",
    ),
    Option(
        name="rounds",
        metavar="N",
        help="measured rounds per cell, each a whole pipeline run (default: the profile's)",
    ),
    Option(name="seed", metavar="N", default=0, help="first seed; round i uses N + i (default: 0)"),
    Option(
        name="data",
        metavar="TASK=PATH",
        repeatable=True,
        help="local parquet / jsonl / csv file or folder, e.g. T2=bigvul.parquet",
    ),
    Option(
        name="columns",
        metavar="TASK=ROLE:COLUMN,...",
        repeatable=True,
        help="its columns, e.g. T2=text:func,label:vul",
    ),
    Option(
        name="split",
        metavar="TASK=RULE",
        repeatable=True,
        help=f"how data of yours are split: {', '.join(SPLITS)}, e.g. T2=project (default: random)",
    ),
    Option(
        name="balance",
        metavar="TASK=HOW",
        repeatable=True,
        help="what is done about a rare class in training: none, weights or undersample, e.g. T2=weights (default: none)",
    ),
    Option(
        name="prevalence",
        metavar="TASK=SHARE",
        repeatable=True,
        help="weight the scores to this share of positive examples, e.g. T2=0.056 (default: the test split's own)",
    ),
    Option(
        name="size",
        metavar="TASK=KEY:N,...",
        repeatable=True,
        help=f"other sizes than the profile's, of {', '.join(values.SIZES)}, e.g. T1=train:24,max_chars:900",
    ),
    Option(
        name="direction",
        metavar="SRC:DST",
        help="languages of T1, e.g. java:python (default: the data's)",
    ),
    Option(
        name="model",
        metavar="MODEL=ID_OR_PATH",
        repeatable=True,
        help="another checkpoint, e.g. M2=answerdotai/ModernBERT-base",
    ),
    Option(
        name="device",
        metavar="auto|cpu|cuda[:N]",
        default="auto",
        help="where torch runs (default: auto)",
    ),
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
        metavar="partial,inconclusive",
        alone="partial",
        help="fail cells that are partial (a knob did not do what was asked), verdicts of gates that are open, or both",
    ),
    Option(
        name="gate",
        metavar="EXPR",
        repeatable=True,
        help="[TASK.][STAGE.]METRIC OP VALUE, e.g. 'energy <= 1.05*saved' or 'T2.mcc >= V0-0.02'; a regression fails the run",
    ),
    Option(
        name="allow",
        metavar="DIFFERENCE,...",
        repeatable=True,
        help=f"compare although these differ, of {', '.join(ALLOWED)} (default: none)",
    ),
    Option(
        name="results",
        metavar="DIR",
        default="results",
        help="where the JSON goes (default: results)",
    ),
    Option(
        name="unsafe-exec",
        metavar="",
        default=False,
        switch=True,
        help="run generated programs even where no sandbox can be had (default: they are not run, and their scores are null)",
    ),
    Option(
        name="plan",
        metavar="",
        default=False,
        switch=True,
        help="print what would run and cost; run nothing",
    ),
    Option(
        name="cpu-watts",
        metavar="W",
        help="watts per busy core for the CPU estimate (default: looked up)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the person asked for, validated."""

    profile: str
    rounds: int | None
    seed: int
    data: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    split: Mapping[str, str]
    balance: Mapping[str, str]
    prevalence: Mapping[str, float]
    size: Mapping[str, Mapping[str, float]]
    """What of the profile's sizes is another, by task."""
    direction: str | None
    model: Mapping[str, str]
    device: str
    gpus: str
    control: str
    require: tuple[str, ...]
    strict: tuple[str, ...]
    """What fails: cells that are ``partial``, verdicts that are ``inconclusive``."""
    gate: tuple[Gate, ...]
    allow: tuple[str, ...]
    results: Path
    cpu_watts: float | None
    unsafe_exec: bool
    plan: bool


def read_pyproject(root: Path) -> dict[str, Any]:
    """Return ``[tool.greenbench]`` of ``root``'s pyproject.toml (empty without one); raises UsageError for unknown keys."""
    file = root / "pyproject.toml"
    if not file.is_file():
        return {}
    try:
        table: dict[str, Any] = (
            tomllib.loads(file.read_text("utf-8")).get("tool", {}).get("greenbench", {})
        )
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file.name}: not valid TOML ({error})") from error
    known = [o.name for o in OPTIONS]
    if unknown := sorted(set(table) - set(known)):
        raise UsageError(
            f"{file.name}: [tool.greenbench] has no {', '.join(map(repr, unknown))}; it has: {', '.join(known)}"
        )
    return table


def settings(
    given: Callable[[str], Any], root: Path, *, tasks: Sequence[str], models: Sequence[str]
) -> Settings:
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

    resolved = {
        "profile": checked("profile", values.one_of("profile", tuple(PROFILES))),
        "rounds": checked("rounds", values.optional(values.number("rounds", int, 1))),
        "seed": checked("seed", values.number("seed", int, 0)),
        "data": checked("data", values.pairs("data", "task", tasks)),
        "columns": checked("columns", values.each("columns", tasks, values.roles)),
        "split": checked("split", values.each("split", tasks, values.one_of("split", SPLITS))),
        "balance": checked(
            "balance", values.each("balance", tasks, values.one_of("balance", BALANCES))
        ),
        "prevalence": checked("prevalence", values.each("prevalence", tasks, values.share)),
        "size": checked("size", values.each("size", tasks, values.sizes)),
        "direction": checked("direction", values.optional(values.direction)),
        "model": checked("model", values.pairs("model", "model", models)),
        "device": checked("device", values.device),
        "gpus": str(raw["gpus"]),
        "control": checked("control", values.one_of("control", ("on", "off"))),
        "require": checked("require", values.channels),
        "strict": checked("strict", values.strict),
        "gate": checked("gate", values.gates(tasks)),
        "allow": checked("allow", values.allow(ALLOWED)),
        "results": root / local_path(str(raw["results"])),
        "cpu_watts": checked("cpu-watts", values.optional(values.number("cpu-watts", float, 0.01))),
        "unsafe_exec": checked("unsafe-exec", values.switch("unsafe-exec")),
        "plan": checked("plan", values.switch("plan")),
    }
    if problems:
        raise Disagreements(problems)
    return Settings(**resolved)
