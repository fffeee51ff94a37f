"""Reads a variant's ``config.yaml``: the knobs that differ from the baseline, and swept values.

The file is a mapping of stages to knobs (``training: {precision: bf16}``) and holds only what
differs from the baseline. A list in place of a knob's value is a sweep. A missing or empty file
is the baseline. All problems of a file are collected, each one sentence with its line, so that
they can be fixed in one pass.

Whether ``experiment.md`` agrees with the file is for ``matrix`` to check.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import yaml

from greenbench.errors import UsageError
from greenbench.experiment.knob_rules import RULES
from greenbench.experiment.knobs import as_yaml, value_of, with_knob
from greenbench.experiment.texts import did_you_mean, read_text
from greenbench.experiment.yaml_nodes import compose, entries, line_of, scalar
from greenbench.knobs.kinds import knob_type
from greenbench.options import BASELINE, STAGES, Options, knobs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from greenbench.options import KnobValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a ``config.yaml`` says, and what is wrong with it."""

    options: Options
    """The baseline with the file's single values; a swept knob keeps its baseline value."""
    sweep: Mapping[str, tuple[KnobValue, ...]]
    """Knob (``data.batch_size``) to the values it takes, in the file's order."""
    changes: Mapping[str, int]
    """Stage that differs from the baseline to the line of its first knob that does."""
    problems: tuple[str, ...] = ()
    """One sentence each; ``options`` and ``sweep`` lack the knobs that they are about."""


def read_config(folder: Path, baseline: Options = BASELINE, absent: Collection[str] = ()) -> Config:
    """Read ``folder/config.yaml``; without one, return the ``baseline``, whose knobs there are.

    Messages do not offer the knobs that are ``absent``, which no task of the suite has.
    """
    path = folder / "config.yaml"
    name = f"{folder.parent.name}/{folder.name}/config.yaml"
    if not path.exists() and not path.is_symlink():
        return parse_config("", name, baseline)
    try:
        return parse_config(read_text(path, name), name, baseline, absent)
    except UsageError as error:
        return replace(parse_config("", name, baseline), problems=(str(error),))


def parse_config(
    text: str, name: str, baseline: Options = BASELINE, absent: Collection[str] = ()
) -> Config:
    """Read the text of a ``config.yaml``; problems call the file ``name``.

    The knobs that there are, and their values in the baseline, are those of ``baseline``; messages
    do not offer those that are ``absent``.
    """
    reader = ConfigReader(name, OfferedKnobs(baseline, absent))
    try:
        reader.read(compose(text, name))
    except UsageError as error:
        reader.problems.append(str(error))
    return Config(
        options=_options(reader.values, baseline),
        sweep=reader.sweep,
        changes=_first_lines(reader.lines),
        problems=tuple(reader.problems),
    )


def parse_value(
    knob: str,
    text: str,
    name: str,
    baseline: Options = BASELINE,
    absent: Collection[str] = (),
) -> KnobValue | list[KnobValue]:
    """Return the value, or the list of swept values, that ``text`` gives ``knob`` of ``baseline``.

    Raises UsageError, whose sentence starts with ``name`` and offers no ``absent`` knob.
    """
    stage, _, short = knob.partition(".")
    offered = OfferedKnobs(baseline, absent)
    if stage not in STAGES:
        raise UsageError(f"{name}: {offered.unknown_stage(stage)}")
    if short not in knobs(stage, baseline):
        raise UsageError(f"{name}: {offered.unknown_knob(stage, short)}")
    node = compose(text, name)
    if node is None:
        raise UsageError(f"{name}: it gives no value; allowed: {knob_type(knob, baseline)}")
    reader = ConfigReader(name, offered)
    values = reader.knob_values(knob, node)
    if reader.problems:
        raise UsageError(reader.problems[0].replace(f"{name}:1:", f"{name}:", 1))
    return values if isinstance(node, yaml.SequenceNode) else values[0]


@dataclass(frozen=True, slots=True)
class OfferedKnobs:
    """The knobs that there are, and what is said of others."""

    baseline: Options
    """All knobs, with their values in the baseline."""
    absent: Collection[str] = ()
    """Those that no task of the suite has: they can be read, and are not offered."""

    def of(self, stage: str) -> list[str]:
        """Return the names of the knobs of a stage that are worth offering."""
        names = knobs(stage, self.baseline)
        return [name for name in names if f"{stage}.{name}" not in self.absent]

    def listed(self, stage: str) -> str:
        """Return these names as a message lists them."""
        return ", ".join(self.of(stage)) or "none for the tasks of this suite"

    def unknown_stage(self, name: str) -> str:
        """Say that there is no stage ``name``."""
        owner = self._owner(name)
        if owner:
            hint = f"; {name} is a knob of {owner}: indent it under '{owner}:'"
        else:
            hint = did_you_mean(name, STAGES)
        return f"there is no stage '{name}'; there are: {', '.join(STAGES)}{hint}"

    def unknown_knob(self, stage: str, name: str) -> str:
        """Say that ``stage`` has no knob ``name``."""
        owner = self._owner(name)
        hint = f"; {name} is a knob of {owner}" if owner else did_you_mean(name, self.of(stage))
        return f"{stage} has no '{name}'; it has: {self.listed(stage)}{hint}"

    def _owner(self, name: str) -> str | None:
        """Return the first stage with a knob called ``name``."""
        for stage in STAGES:
            if name in self.of(stage):
                return stage
        return None


@dataclass(slots=True)
class ConfigReader:
    """Collects the knobs of a parsed file, and the problems with it."""

    name: str
    """How problems call the file."""
    offered: OfferedKnobs
    """The knobs that there are."""
    values: dict[str, KnobValue] = field(default_factory=dict)
    sweep: dict[str, tuple[KnobValue, ...]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    """Knob to its line."""
    problems: list[str] = field(default_factory=list)

    @property
    def baseline(self) -> Options:
        """The knobs that there are, with their values in the baseline."""
        return self.offered.baseline

    def report(self, line: int, sentence: str) -> None:
        """Add a problem on ``line``."""
        self.problems.append(f"{self.name}:{line}: {sentence}")

    def read(self, root: yaml.Node | None) -> None:
        """Read the file's only node, None if the file is empty."""
        if root is None or root.tag == "tag:yaml.org,2002:null":
            return
        if not isinstance(root, yaml.MappingNode):
            stages = ", ".join(STAGES)
            self.report(line_of(root), f"must be a mapping of stages to knobs; stages: {stages}")
            return
        for line, stage, node in self._unique_entries(root, ""):
            if stage in STAGES:
                self._read_stage(line, stage, node)
            else:
                self.report(line, self.offered.unknown_stage(stage))
        for rule in RULES:
            for line, sentence in rule(self.lines, self._values_of):
                self.report(line, sentence)

    def _unique_entries(
        self, node: yaml.MappingNode, prefix: str
    ) -> list[tuple[int, str, yaml.Node]]:
        """Return line, key and value of each entry; a repeated key is a problem and is left out."""
        first: dict[str, int] = {}
        unique = []
        for line, key, value in entries(node):
            if key in first:
                known = f"{prefix}{key} is already set on line {first[key]}"
                self.report(line, f"{known}; keep one of the two")
                continue
            first[key] = line
            unique.append((line, key, value))
        return unique

    def _read_stage(self, line: int, stage: str, node: yaml.Node) -> None:
        names = knobs(stage, self.baseline)
        if not isinstance(node, yaml.MappingNode) or not node.value:
            known = f"{stage} names no knob; it has: {self.offered.listed(stage)}"
            self.report(line, f"{known}; indent one under it or remove it")
            return
        for knob_line, name, value in self._unique_entries(node, f"{stage}."):
            if name in names:
                self._read_knob(f"{stage}.{name}", knob_line, value)
            else:
                self.report(knob_line, self.offered.unknown_knob(stage, name))

    def _read_knob(self, knob: str, line: int, node: yaml.Node) -> None:
        known_problems = len(self.problems)
        values = self.knob_values(knob, node)
        if len(self.problems) > known_problems:
            return
        problem = _values_problem(knob, values, self.baseline)
        if problem:
            self.report(line, problem)
            return
        self.lines[knob] = line
        if isinstance(node, yaml.SequenceNode):
            self.sweep[knob] = tuple(values)
        else:
            self.values[knob] = values[0]

    def knob_values(self, knob: str, node: yaml.Node) -> list[KnobValue]:
        """Return the values of ``knob``, one or those of a sweep, without those it cannot take."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: list[KnobValue] = []
        for value_node in nodes:
            try:
                values.append(_converted(knob, value_node, self.baseline))
            except ValueError as error:
                self.report(line_of(value_node), str(error))
        return values

    def _values_of(self, knob: str) -> tuple[KnobValue, ...]:
        """Return the values that ``knob`` takes in the cells of this variant."""
        if knob in self.sweep:
            return self.sweep[knob]
        return (self.values.get(knob, value_of(self.baseline, knob)),)


def _converted(knob: str, node: yaml.Node, baseline: Options) -> KnobValue:
    """Return the value of ``node`` as the knob's type; raises ValueError with a sentence."""
    allowed = knob_type(knob, baseline)
    if not isinstance(node, yaml.ScalarNode):
        sentence = f"{knob} takes {allowed}, or a flat list of such values to sweep"
        raise ValueError(sentence)  # noqa: TRY004  of a file's content
    value = scalar(node)
    if type(value) is int and allowed.takes_texts_like_numbers:
        value = str(value)
    try:
        return allowed.convert(value)
    except ValueError as error:
        hint = did_you_mean(node.value, allowed.choices)
        sentence = f"{knob} cannot be {as_yaml(value)}; allowed: {allowed}{hint}"
        raise ValueError(sentence) from error


def _values_problem(knob: str, values: Sequence[KnobValue], baseline: Options) -> str:
    """Say what is wrong with the values of a knob taken together; ``""`` if nothing is."""
    if not values:
        return f"{knob} is an empty list; list the values to sweep, or remove the line"
    for place, value in enumerate(values):
        if value in values[:place]:
            repeated = f"{knob} lists {as_yaml(value)} more than once"
            return f"{repeated}; each value makes one cell: list it once"
    before = value_of(baseline, knob)
    if all(value == before for value in values):
        remedy = "config.yaml holds only what differs: remove the line"
        return f"{knob} is {as_yaml(before)} in the baseline already; {remedy}"
    return ""


def _options(values: Mapping[str, KnobValue], baseline: Options) -> Options:
    """Return the ``baseline`` with the knobs of ``values`` set."""
    options = baseline
    for knob, value in values.items():
        options = with_knob(options, knob, value)
    return options


def _first_lines(lines: Mapping[str, int]) -> dict[str, int]:
    """Return the first line of each stage, from the lines of its knobs."""
    first: dict[str, int] = {}
    for knob, line in lines.items():
        stage = knob.partition(".")[0]
        first[stage] = min(line, first.get(stage, line))
    return first
