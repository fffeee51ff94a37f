"""The options of a session.

A field of ``Settings`` is the whole definition of an option: its name, type, parser and help. The
plugin and ``greenbench sweep-power`` offer all of them; ``resolving`` finds their values. Nothing
here knows of models or devices.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from greenbench.experiment.factorial import stage_choice
from greenbench.experiment.knob_trials import KnobTrial, knob_trials
from greenbench.experiment.option_parsers import (
    SIZES,
    by_model,
    by_task,
    carbon_intensity,
    devices,
    gates,
    matching,
    matrix_file,
    most_blocks,
    number,
    one_of,
    optional,
    path,
    roles,
    sensor_classes,
    share,
    sizes,
    strictness,
    switch,
    text,
    whole_number,
    words,
)
from greenbench.experiment.profiles import PROFILES
from greenbench.gates.expression import ALLOWED
from greenbench.types import ALL_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from greenbench.experiment.factorial import StageChoice
    from greenbench.experiment.option_parsers import Parser
    from greenbench.gates.expression import Gate
    from greenbench.results.carbon import CarbonIntensity

SPLITS = ("authors", "random", "project", "time")
BALANCES = ("none", "weights", "undersample")
ORDERS = ("blocks", "random", "fixed", "off")
DIRECTION = r"[a-z]+:[a-z]+"
DIRECTION_FORM = "write SRC:DST in small letters, e.g. java:python or java:cs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option: how it is written, how it is read, and what it means."""

    field: str = ""
    """The name of the field of ``Settings`` that holds its value."""
    metavar: str
    """What stands for its value in the help; empty for a switch, which takes none."""
    parse: Parser[object]
    help: str
    default: object = None
    repeatable: bool = False
    bare: str = ""
    """What it means without a value, if it may have none."""
    adds: bool = False
    """Whether the command line adds to what pyproject.toml has, instead of replacing it:
    ``none`` leaves that out."""

    @property
    def name(self) -> str:
        """Its key in ``[tool.greenbench]``."""
        return self.field.replace("_", "-")

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--green-{self.name}"

    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments that declare it, for argparse and for pytest."""
        keywords: dict[str, Any] = {"help": self.help.replace("%", "%%"), "default": None}
        if not self.metavar:
            return {**keywords, "action": "store_true"}
        keywords["metavar"] = self.metavar
        if self.repeatable:
            keywords["action"] = "append"
        elif self.bare:
            keywords["nargs"] = "?"
            keywords["const"] = self.bare
        return keywords


def option(metavar: str, parse: Parser[object], help: str, **more: Any) -> Any:  # noqa: A002  argparse's word
    """Return a field of ``Settings``; ``more`` are other fields of ``Option``."""
    return field(metadata={"option": Option(metavar=metavar, parse=parse, help=help, **more)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of a session, validated. A mapping is keyed by task, or by model."""

    profile: str = option(
        "NAME", one_of(PROFILES), f"how big: {', '.join(PROFILES)} (default: tiny)", default="tiny"
    )
    rounds: int | None = option(
        "N",
        optional(whole_number(1)),
        "measured rounds per cell, each a whole pipeline run (default: the profile's)",
    )
    seed: int = option(
        "N", whole_number(0), "first seed; round i uses N + i (default: 0)", default=0
    )
    interleave: str = option(
        "ORDER",
        one_of(ORDERS),
        "order of rounds across cells: blocks (V0 ... V7, V7 ... V0), random (drawn in each block "
        "from the seed), fixed (each block alike), or off (all rounds of a cell in a row) "
        "(default: blocks)",
        default="blocks",
    )
    block: int | None = option(
        "N",
        optional(whole_number(1)),
        "measure this block of the rounds alone, from 1: `greenbench ci` runs a session a block "
        "(default: all)",
    )
    until_sure: int | None = option(
        "MAXROUNDS",
        most_blocks,
        "go on after --green-rounds blocks (at least 3), up to so many rounds a cell, with the "
        "cells whose gates are open, or without gates whose energy is not shown to differ from "
        "V0's; each look at the results is paid for; off is none (default: off)",
    )
    factorial: StageChoice | None = option(  # noqa: RUF009  a field
        "[VARIANT:]STAGE,STAGE,...",
        stage_choice,
        "run V0 and the combinations of these stages of V7, or of another variant, each turned on "
        "or off, in place of the matrix's variants, e.g. data,training or V7:data,training; of "
        "five stages half the combinations; off is none (default: off)",
    )
    matrix: Path | None = option(  # noqa: RUF009  a field
        "FILE",
        optional(matrix_file),
        "measure another experiment.md than the suite's; its variants lie in variants/ beside it, "
        "e.g. docs/study/experiment.md",
    )
    knob: tuple[KnobTrial, ...] = option(
        "STAGE.KNOB=VALUE",
        knob_trials,
        "run V0 and a variant that sets this knob alone, in place of the matrix's variants, e.g. "
        "data.batch_size=64; a blank joins knobs of one variant",
        repeatable=True,
    )
    resume: bool = option(
        "",
        switch,
        "continue the newest session in the results folder that died or was interrupted: its whole "
        "rounds are taken over, if options, code, data and machine are the same",
        default=False,
    )
    reuse: bool = option(
        "",
        switch,
        "take over tokenising and training where options, data, seed, code, packages and machine "
        "are those of a run that was measured before, with its recorded joules and seconds",
        default=False,
    )
    fresh: bool = option(
        "",
        switch,
        "with --green-factorial repeat every stage, rather than once in a block what is the same",
        default=False,
    )
    data: Mapping[str, str] = option(
        "TASK=PATH",
        by_task(text),
        "local parquet / jsonl / csv file or folder, e.g. sentiment=reviews.parquet",
        repeatable=True,
    )
    columns: Mapping[str, Mapping[str, str]] = option(
        "TASK=ROLE:COLUMN,...",
        by_task(roles),
        "its columns, e.g. sentiment=text:review,label:opinion",
        repeatable=True,
    )
    split: Mapping[str, str] = option(
        "TASK=RULE",
        by_task(one_of(SPLITS)),
        f"how data of yours are split: {', '.join(SPLITS)}, e.g. sentiment=random (default: "
        "authors if the names of files tell train, valid and test, else random)",
        repeatable=True,
    )
    balance: Mapping[str, str] = option(
        "TASK=HOW",
        by_task(one_of(BALANCES)),
        "class-imbalance handling: none, weights or undersample, e.g. spam=weights (default: none)",
        repeatable=True,
    )
    prevalence: Mapping[str, float] = option(
        "TASK=SHARE",
        by_task(share),
        "weight scores to this share of positives, e.g. T2=0.056 (default: the test split's own)",
        repeatable=True,
    )
    size: Mapping[str, Mapping[str, float]] = option(
        "TASK=KEY:N,...",
        by_task(sizes),
        f"sizes other than the profile's, of {', '.join(SIZES)}, e.g. sentiment=train:200,epochs:2",
        repeatable=True,
    )
    scored: str = option(
        "SPLIT",
        one_of(("test", "valid")),
        "the rows that are scored: test, or valid, which `greenbench search` uses until it "
        "confirms; what chooses thresholds or layers by validation rows then knows the scored ones "
        "(default: test)",
        default="test",
    )
    direction: str | None = option(
        "SRC:DST",
        optional(matching(DIRECTION, DIRECTION_FORM)),
        "languages to translate from and to, e.g. java:python (default: the data's)",
    )
    model: Mapping[str, str] = option(
        "MODEL=ID_OR_PATH",
        by_model,
        "another checkpoint, e.g. encoder=answerdotai/ModernBERT-base",
        repeatable=True,
    )
    device: str = option(
        "auto|cpu[:N]|cuda[:N,...]",
        devices,
        "where torch runs; cpu:2 (two processes) or cuda:0,1 train on several (default: auto)",
        default="auto",
    )
    gpus: str = option(
        "auto|none|all|UUID,...",
        text,
        "whose energy counts (default: the cell's CUDA devices)",
        default="auto",
    )
    sensor: tuple[str, ...] = option(
        "MODULE:CLASS",
        sensor_classes,
        "a wattmeter of your own, e.g. wattmeter:WallSocket, for a channel that nothing measures "
        "here, or for node, the machine as a whole (docs/measurement.md)",
        repeatable=True,
    )
    control: str = option(
        "on|off",
        one_of(("on", "off")),
        "set power limits, clocks and governors? off: those knobs are not applied (default: on)",
        default="on",
    )
    require: tuple[str, ...] = option(
        "CHANNELS",
        words((*ALL_CHANNELS, "measured")),
        "gpu, cpu, dram, node or measured: fail a cell whose energy lacks it or only estimates it, "
        "e.g. gpu,cpu",
    )
    strict: tuple[str, ...] = option(
        "partial,inconclusive",
        strictness,
        "fail partial cells (a knob did not take effect), inconclusive verdicts, or both",
        bare="partial",
    )
    gate: tuple[Gate, ...] = option(
        "EXPR",
        gates,
        "[TASK.][STAGE.]METRIC OP VALUE, e.g. 'energy <= 1.05*saved' or 'spam.f1 >= V0-0.02'; a "
        "regression fails the run; those of pyproject.toml hold too, unless one is 'none'",
        repeatable=True,
        adds=True,
    )
    allow: tuple[str, ...] = option(
        "DIFFERENCE,...",
        words(ALLOWED),
        f"compare although these differ, of {', '.join(ALLOWED)} (default: none)",
        repeatable=True,
    )
    results: Path = option(  # noqa: RUF009  a field
        "DIR", path, "where the JSON goes (default: results)", default="results"
    )
    report: Path | None = option(  # noqa: RUF009  a field
        "FILE",
        optional(path),
        "at the end write an HTML report of the session there (default: none)",
    )
    keep_outputs: bool = option(
        "",
        switch,
        "results files keep the texts of the first 200 test rows with the answers to them, of the "
        "first round of each cell, and reports show some of them (default: no text of the data)",
        default=False,
    )
    unsafe_exec: bool = option(
        "",
        switch,
        "run generated programs even without a sandbox (default: their scores are null then)",
        default=False,
    )
    plan: bool = option("", switch, "print what would run and cost; run nothing", default=False)
    verbose: bool = option(
        "",
        switch,
        "print every warning, how rounds differ, and which outputs failed (default: the ten "
        "warnings that change most)",
        default=False,
    )
    cpu_watts: float | None = option(
        "W",
        optional(number(0.01)),
        "watts per busy core for the CPU estimate (default: looked up)",
    )
    carbon: CarbonIntensity | None = option(  # noqa: RUF009  a field
        "G",
        optional(carbon_intensity),
        "grams of CO2 equivalents per kWh, and where the number is from, to show and store grams "
        "beside joules, e.g. '380 (grid average of 2024, national agency)' (default: none)",
    )


OPTIONS: tuple[Option, ...] = tuple(
    replace(entry.metadata["option"], field=entry.name) for entry in fields(Settings)
)
